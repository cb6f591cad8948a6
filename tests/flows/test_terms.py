"""Terms and privacy: shown to everybody, accepted by whoever signs up, edited in the admin, and asked about again."""

from datetime import timedelta

import httpx
import pytest
import time_machine
from django.conf import LazySettings
from django.core.cache import caches
from django.test import Client
from django.utils import timezone

from messaging.actions.terms import publish_terms
from messaging.errors import Forbidden
from messaging.models import Acceptance, Message, User
from messaging.queries.terms import REMEMBERED_S, Versions, versions_lately
from tests.api.door import Caller
from tests.conftest import PASSWORD
from tests.pages.visitor import Visitor

pytestmark = pytest.mark.django_db


@pytest.fixture
def root(db: None) -> User:
    return User.objects.create_superuser("root", "", PASSWORD)


def publish(
    root: User, text: str, *, kind: str = "terms", language: str = "en", ask_again: bool = True
) -> None:
    """As the admin's form does it."""
    client = Client()
    client.force_login(root)
    fields = {"kind": kind, "language": language, "text": text} | ({"ask_again": "on"} if ask_again else {})
    # Whoever publishes has accepted what was there before, or is asked first, like everybody.
    answer = client.post("/admin/messaging/termstext/add/", fields)
    assert answer.status_code == httpx.codes.FOUND, answer.content.decode()


def accepted(username: str) -> list[tuple[str, int, str]]:
    rows = Acceptance.objects.filter(user__username=username).order_by("pk")
    return [(row.kind, row.version, row.door) for row in rows]


def test_what_comes_along_is_linked_from_everywhere_and_read_by_anybody(settings: LazySettings) -> None:
    visitor = Visitor()
    for page in (visitor.open("/"), visitor.open("/signup/")):
        for name, title in (("Terms", "Terms"), ("Privacy", "Privacy")):
            text = visitor.open(page.link(name))
            assert text.title == title
            assert settings.WEB_DOMAIN in text.content.said
    said = Caller().get("/api/terms/").body
    assert (said["terms"]["version"], said["privacy"]["version"], said["to_accept"]) == (0, 0, False)


def test_the_first_clients_line_goes_on_to_work_and_is_an_acceptance(root: User) -> None:
    """`curl -X POST … --data "username=dora&password=…"`, verbatim."""
    publish(root, "Be kind.")
    answer = Caller().form("POST", "/auth/users/create/", f"username=dora&password={PASSWORD}")
    assert answer.status == httpx.codes.CREATED
    assert accepted("dora") == [("terms", 1, "rest"), ("privacy", 0, "rest")]
    assert Acceptance.objects.filter(user__username="dora", accepted_at__isnull=True).count() == 0


def test_by_page_what_was_shown_counts_even_if_there_is_a_new_one_by_then(root: User) -> None:
    visitor = Visitor()
    form = visitor.open("/signup/").form("Sign up")
    publish(root, "Be kind.")
    page = visitor.submit(form, username="dora", password=PASSWORD)
    assert accepted("dora") == [("terms", 0, "page"), ("privacy", 0, "page")]
    assert page.url.startswith("/terms/accept/")
    assert "Be kind." in page.content.said
    assert visitor.submit(page.form("I accept")).url == "/"
    assert accepted("dora")[2:] == [("terms", 1, "page")]


def test_over_rest_one_may_say_what_one_was_shown(root: User) -> None:
    publish(root, "Be kind.")
    fields = {"username": "dora", "password": PASSWORD}
    for wrong in ({"terms_version": 2}, {"privacy_version": 1}, {"terms_version": -1}):
        assert Caller().post("/auth/users/", **fields, **wrong).status == httpx.codes.BAD_REQUEST
    assert not User.objects.filter(username="dora").exists()
    assert (
        Caller().post("/auth/users/", **fields, terms_version=0, privacy_version=0).status
        == httpx.codes.CREATED
    )
    token = Caller().post("/auth/token/login/", **fields).body["auth_token"]
    app = Caller(token=token)
    assert app.get("/api/terms/").body["to_accept"] is True
    assert app.post("/api/terms/", terms_version=2, privacy_version=0).code == "unknown_version"
    assert app.post("/api/terms/", terms_version=1, privacy_version=0).status == httpx.codes.NO_CONTENT
    assert app.post("/api/terms/", terms_version=1, privacy_version=0).status == httpx.codes.NO_CONTENT
    assert app.get("/api/terms/").body["to_accept"] is False
    assert Caller().post("/api/terms/", terms_version=1, privacy_version=0).status == httpx.codes.UNAUTHORIZED
    assert accepted("dora") == [("terms", 0, "rest"), ("privacy", 0, "rest"), ("terms", 1, "rest")]


def test_a_new_version_is_asked_about_at_the_next_page_and_nothing_is_lost(root: User, alice: User) -> None:
    as_alice = Visitor(alice)
    form = as_alice.open("/").form("Post")
    publish(root, "Be kind.")
    page = as_alice.submit(form, text="what I was writing")
    assert [message.text for message in Message.objects.all()] == ["what I was writing"]
    assert page.url == "/terms/accept/?next=%2F"
    for path in ("/people/", "/chats/", "/rooms/new/"):
        assert as_alice.open(path).url.startswith("/terms/accept/")
    for path in ("/account/", "/account/devices/", "/terms/", "/privacy/"):
        assert as_alice.open(path).url == path, "who does not agree can leave"
    page = as_alice.open("/people/?q=b")
    assert as_alice.submit(page.form("I accept")).url == "/people/?q=b"
    publish(root, "Be very kind.", ask_again=False)
    assert as_alice.open("/people/").url == "/people/", "a correction asks nobody"
    assert "Be very kind." in as_alice.open("/terms/").content.said
    publish(root, "We keep nothing.", kind="privacy")
    assert as_alice.open("/people/").url.startswith("/terms/accept/")
    publish(root, "We keep everything.", kind="privacy")
    stale = as_alice.submit(page.form("I accept"))
    assert stale.url.startswith("/terms/accept/"), "what was accepted was not what holds now"


def test_whoever_has_no_account_is_asked_nothing(root: User) -> None:
    publish(root, "Be kind.")
    assert Visitor().open("/").url == "/"
    assert Visitor().open("/terms/accept/").url.startswith("/login/")


def test_each_reads_their_own_language_where_there_is_one(root: User) -> None:
    publish(root, "Be kind.")
    publish(root, "Seid nett.", language="de", ask_again=False)
    told = {}
    for language in ("de-AT,de;q=0.9", "fr, en;q=0.5", "xx", ""):
        visitor = Visitor()
        visitor.client.defaults["HTTP_ACCEPT_LANGUAGE"] = language
        told[language] = visitor.open("/terms/").content.all("p")[0].said
    assert told == {
        "de-AT,de;q=0.9": "Seid nett.",
        "fr, en;q=0.5": "Be kind.",
        "xx": "Be kind.",
        "": "Be kind.",
    }
    assert Caller().get("/api/terms/", language="de").body["terms"]["text"] == "Seid nett."
    publish(root, "Be kinder.")
    assert Caller().get("/api/terms/", language="de").body["terms"]["text"] == "Be kinder.", (
        "not the old one's"
    )


def test_what_is_published_is_text(root: User) -> None:
    publish(root, "# <script>alert(1)</script>\n\nBe <b>kind</b>.")
    page = Visitor().open("/terms/")
    assert page.content.all("h2")[0].said == "<script>alert(1)</script>"
    assert page.content.all("p")[0].said == "Be <b>kind</b>."


def test_only_whoever_runs_the_site_publishes(root: User, olive: User, charlie: User) -> None:
    for user in (charlie, olive):
        with pytest.raises(Forbidden):
            publish_terms(user=user, kind="terms", language="en", text="Mine now.", ask_again=True)
        User.objects.filter(pk=user.pk).update(is_staff=True)
        client = Client()
        client.force_login(user)
        assert client.get("/admin/messaging/termstext/add/").status_code == httpx.codes.FORBIDDEN
    client = Client()
    client.force_login(root)
    form = client.get("/admin/messaging/termstext/add/?kind=privacy").content.decode()
    assert "Who else sees it" in form, "it begins with what holds now"
    wrong = {"kind": "terms", "language": "Klingon!", "text": "x"}
    assert "Enter a valid value" in client.post("/admin/messaging/termstext/add/", wrong).content.decode()


def test_what_others_publish_is_noticed_within_seconds(root: User) -> None:
    assert versions_lately().terms == 0
    publish(root, "Be kind.")
    assert versions_lately().terms == 1, "at once where it was done"
    caches["process"].set("terms", Versions(0, 0), REMEMBERED_S)  # as another process has it
    assert versions_lately().terms == 0
    with time_machine.travel(timezone.now() + timedelta(seconds=REMEMBERED_S + 1)):
        assert versions_lately().terms == 1
