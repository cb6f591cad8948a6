"""Accounts on the pages: in, out, changed, and gone."""

import pytest
from django.conf import LazySettings
from django.core import mail

from messaging.actions.accounts import create_token
from messaging.actions.messages import post_message
from messaging.models import Token, User
from tests.conftest import PASSWORD
from tests.pages.visitor import Visitor, link_in_mail

NEW_PASSWORD = "another-horse-entirely"


@pytest.fixture(autouse=True)
def _mail_at_once(settings: LazySettings) -> None:
    # pytest-django's outbox is filled by this back-end; ours would do it a moment later.
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"


def name_in_header(visitor: Visitor) -> str:
    header = visitor.open("/").root.all("header")[0]
    return " ".join(each.said for each in header.all("bdi"))


def log_in(visitor: Visitor, identifier: str, password: str = PASSWORD, path: str = "/login/") -> str:
    return visitor.submit(visitor.open(path).form("Log in"), identifier=identifier, password=password).url


def test_signing_up_signs_in(nobody: Visitor) -> None:
    form = nobody.open("/signup/").form("Sign up")
    page = nobody.submit(form, username="Dora", password=PASSWORD, email="dora@example.org")
    assert (page.url, page.notices) == ("/", ["Welcome, Dora."])
    assert name_in_header(nobody) == "Dora"
    assert User.objects.get(username="Dora").email == "dora@example.org"


def test_signing_up_says_beside_which_field_what_is_wrong(nobody: Visitor, alice: User) -> None:
    form = nobody.open("/signup/").form("Sign up")
    assert nobody.submit(form, username="ALICE", password="something-else-1").errors == [
        "A person with that name already exists."
    ]
    page = nobody.submit(form, username="do ra", password="password")
    assert page.status == 400
    assert "Letters, digits and . + - _ only." in page.errors
    assert "This password is too common." in page.errors
    assert page.root.all("input", name="username")[0].attributes["aria-invalid"] == "true"
    assert page.form("Sign up").fields["username"] == "do ra"
    assert page.form("Sign up").fields["password"] == ""
    assert not User.objects.exclude(pk=alice.pk).exists()


def test_a_sign_up_sent_twice_makes_one_account(nobody: Visitor) -> None:
    form = nobody.open("/signup/").form("Sign up")
    token = nobody.client.cookies["csrftoken"].value
    nobody.submit(form, username="dora", password=PASSWORD)
    again = Visitor()
    again.client.cookies["csrftoken"] = token
    assert again.submit(form, username="dora", password=PASSWORD).url == "/"
    assert name_in_header(again) == "dora"
    assert User.objects.count() == 1


def test_nobody_gets_into_an_account_by_signing_up_with_its_name(nobody: Visitor, alice: User) -> None:
    form = nobody.open("/signup/").form("Sign up")
    assert nobody.submit(form, username="alice", password="not-her-password").status == 400
    assert name_in_header(nobody) == ""


def test_signing_up_too_often_is_refused(nobody: Visitor, settings: LazySettings) -> None:
    settings.SIGNUPS_PER_MINUTE = 1
    for name, status in (("dora", 200), ("emil", 429)):
        visitor = Visitor()
        form = visitor.open("/signup/").form("Sign up")
        assert visitor.submit(form, username=name, password=PASSWORD).status == status


@pytest.mark.parametrize("identifier", ["alice", "ALICE", "alice@example.org", "Alice@Example.org"])
def test_logging_in_by_name_or_address(nobody: Visitor, alice: User, identifier: str) -> None:
    assert log_in(nobody, identifier) == "/"
    assert name_in_header(nobody) == "alice"


def test_a_wrong_password_and_an_unknown_name_look_the_same(nobody: Visitor, alice: User) -> None:
    form = nobody.open("/login/").form("Log in")
    pages = [nobody.submit(form, identifier=name, password="wrong") for name in ("alice", "nemo")]
    assert [page.status for page in pages] == [400, 400]
    assert pages[0].errors == pages[1].errors == ["The name or the password is wrong."]


def test_guessing_is_slowed_down(nobody: Visitor, alice: User, settings: LazySettings) -> None:
    settings.LOGIN_FAILURES_PER_HOUR = 2
    form = nobody.open("/login/").form("Log in")
    statuses = [
        nobody.submit(form, identifier="alice", password=word).status for word in ("a", "b", PASSWORD)
    ]
    assert statuses == [400, 400, 429]


def test_logging_in_leads_on_but_never_away(nobody: Visitor, alice: User) -> None:
    assert log_in(nobody, "alice", path="/login/?next=/people/") == "/people/"
    assert nobody.open("/login/?next=/chats/").url == "/chats/"
    for away in ("https://evil.example/", "//evil.example", "javascript:alert(1)", "/\\evil.example"):
        assert log_in(Visitor(), "alice", path=f"/login/?next={away}") == "/", away


def test_logging_out_needs_a_button(as_alice: Visitor) -> None:
    assert as_alice.open("/logout/").status == 405
    assert name_in_header(as_alice) == "alice"
    page = as_alice.submit(as_alice.open("/").form("Log out"))
    assert page.url == "/"
    assert name_in_header(as_alice) == ""


def test_logging_out_has_live_connections_looked_at(as_alice: Visitor, alice: User) -> None:
    as_alice.submit(as_alice.open("/").form("Log out"))
    assert User.objects.get(pk=alice.pk).access_version == alice.access_version + 1


def test_a_new_name_or_address_needs_the_password(as_alice: Visitor, bob: User) -> None:
    form = as_alice.open("/account/").form("Save")
    page = as_alice.submit(form, first_name="Alice", last_name="Liddell")
    assert page.notices == ["Your profile has been saved."]
    page = as_alice.submit(form, username="alicia")
    assert (page.status, page.errors) == (400, ["The password is wrong."])
    assert name_in_header(as_alice) == "alice"
    taken = as_alice.submit(form, username="Bob", current_password=PASSWORD)
    assert taken.errors == ["A person with that name already exists."]
    assert "alice" in taken.root.all("header")[0].said
    as_alice.submit(form, username="alicia", email="alicia@example.org", current_password=PASSWORD)
    assert name_in_header(as_alice) == "alicia"


def test_changing_the_password_keeps_this_page_signed_in_and_ends_all_else(
    as_alice: Visitor, alice: User
) -> None:
    elsewhere = Visitor(alice)
    create_token(user=alice, name="my phone")
    form = as_alice.open("/password/change/").form("Change it")
    page = as_alice.submit(form, current_password="wrong", new_password=NEW_PASSWORD)
    assert (page.status, page.errors) == (400, ["The password is wrong."])
    page = as_alice.submit(form, current_password=PASSWORD, new_password="alice")
    assert (page.status, len(page.errors)) == (400, 3)
    page = as_alice.submit(form, current_password=PASSWORD, new_password=NEW_PASSWORD)
    assert page.url == "/account/"
    assert name_in_header(as_alice) == "alice"
    assert name_in_header(elsewhere) == ""
    assert not Token.objects.exists()
    assert log_in(Visitor(), "alice", NEW_PASSWORD) == "/"


def test_a_forgotten_password_is_reset_by_mail(nobody: Visitor, alice: User) -> None:
    create_token(user=alice, name="my phone")
    sent = nobody.submit(nobody.open("/password/reset/").form("Mail me a link"), email="ALICE@example.org")
    assert sent.title == "Look at your mail"
    link = link_in_mail()
    page = nobody.open(link)
    form = page.form("Set it")
    weak = nobody.submit(form, new_password1="12345678", new_password2="12345678")
    assert weak.status == 400
    assert "This password is entirely numeric." in weak.errors
    done = nobody.submit(form, new_password1=NEW_PASSWORD, new_password2=NEW_PASSWORD)
    assert (done.url, done.notices) == (
        "/login/",
        ["Your password has been changed. Log in with the new one."],
    )
    assert not Token.objects.exists()
    assert log_in(nobody, "alice", NEW_PASSWORD) == "/"
    assert Visitor().open(link).title == "This link is used up"


def test_an_unknown_address_is_answered_the_same_and_gets_no_mail(nobody: Visitor, alice: User) -> None:
    form = nobody.open("/password/reset/").form("Mail me a link")
    assert nobody.submit(form, email="nemo@example.org").title == "Look at your mail"
    assert ["nemo@example.org"] not in [sent.to for sent in mail.outbox]
    assert nobody.submit(form, email="no address").status == 400


def test_an_address_is_confirmed_by_the_button_not_by_opening_the_link(
    nobody: Visitor, as_alice: Visitor
) -> None:
    form = as_alice.open("/account/").form("Mail me the link again")
    assert as_alice.submit(form).notices == ["A link has been mailed to alice@example.org."]
    link = link_in_mail()
    nobody.open(link)
    assert "is not confirmed yet" in as_alice.open("/account/").root.said
    assert nobody.submit(nobody.open(link).form("Confirm")).notices == ["alice@example.org is confirmed."]
    assert "is not confirmed yet" not in as_alice.open("/account/").root.said
    wrong = nobody.submit(nobody.open("/email/confirm/nonsense/").form("Confirm"))
    assert (wrong.status, wrong.title) == (400, "Confirm your address")


def test_deleting_the_account_takes_the_password(as_alice: Visitor, nobody: Visitor, alice: User) -> None:
    post_message(user=alice, chat="feed", text="I was here")
    form = as_alice.open("/account/").form("Delete for good")
    assert as_alice.submit(form, current_password="wrong").errors == ["The password is wrong."]
    assert name_in_header(as_alice) == "alice"
    page = as_alice.submit(form, current_password=PASSWORD)
    assert (page.url, page.messages) == ("/", ["I was here"])
    assert name_in_header(as_alice) == ""
    feed = nobody.open("/")
    assert "deleted user" in feed.content.said
    assert "alice" not in feed.html
    assert log_in(nobody, "alice") != "/"
