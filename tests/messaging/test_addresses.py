"""E-mail addresses: anybody may name one, whoever reads its mail has it, and nobody learns who else named it."""

import re
from functools import partial

import pytest
from django.conf import LazySettings
from django.core import mail

from messaging.actions.accounts import change_profile, log_in, mail_password_reset, reset_password, sign_up
from messaging.actions.addresses import confirm_address, confirm_address_of
from messaging.errors import Conflict, Invalid, TooMany
from messaging.models import User
from tests.conftest import PASSWORD
from tests.messaging.together import together

ADDRESS = "alice@example.org"
OTHER = "battery-horse-2"

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _mail_at_once(settings: LazySettings) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"


def link_in(text: str) -> str:
    found = re.search(r"/confirm/(\S+)/", text)
    assert found is not None, text
    return found[1]


def last_link() -> str:
    return link_in(str(mail.outbox[-1].body))


def sign_in(identifier: str, password: str) -> User:
    return log_in(identifier=identifier, password=password, address="192.0.2.1")


def test_whoever_names_an_address_can_log_in_with_it_whether_somebody_else_has_named_it_or_not(
    alice: User,
) -> None:
    confirm_address_of(alice)
    for name in ("dora", "emil"):
        newcomer = sign_up(username=name, password=OTHER, email=ADDRESS.upper())
        assert sign_in(ADDRESS, OTHER) == newcomer
        assert newcomer.email_confirmed_at is None
    assert sign_in(ADDRESS, PASSWORD) == alice
    with pytest.raises(Invalid):
        sign_in(ADDRESS, "wrong")


def test_the_mailed_link_confirms_once_and_for_one(alice: User) -> None:
    change_profile(user=alice, email="queen@example.org")
    link = last_link()
    dora = sign_up(username="dora", password=OTHER, email="queen@example.org")
    hers = last_link()
    assert confirm_address(token=link) == alice
    assert confirm_address(token=link) == alice
    with pytest.raises(Conflict):
        confirm_address(token=hers)
    dora.refresh_from_db()
    assert dora.email_confirmed_at is None


def test_the_owner_is_told_of_whoever_names_their_address(alice: User) -> None:
    confirm_address_of(alice)
    mail.outbox.clear()
    sign_up(username="dora", password=OTHER, email=ADDRESS)
    (told,) = mail.outbox
    assert told.to == [ADDRESS]
    assert "dora" in str(told.body)
    assert "/confirm/" not in str(told.body)


@pytest.mark.parametrize("token", ["", "x", "WzEsICJhIl0:1:x"])
def test_links_that_confirm_nothing(alice: User, token: str) -> None:
    with pytest.raises(Invalid):
        confirm_address(token=token)


def test_another_address_is_unconfirmed_and_its_old_links_lead_nowhere(alice: User) -> None:
    change_profile(user=alice, email="queen@example.org")
    link = last_link()
    change_profile(user=alice, email="empress@example.org")
    with pytest.raises(Invalid):
        confirm_address(token=link)
    confirm_address(token=last_link())
    alice.refresh_from_db()
    change_profile(user=alice, first_name="Alice")
    assert alice.email_confirmed_at is not None
    change_profile(user=alice, email="queen@example.org")
    assert alice.email_confirmed_at is None


def test_an_address_confirmed_for_many_at_once_is_one_persons() -> None:
    people = [sign_up(username=name, password=OTHER, email=ADDRESS) for name in ("dora", "emil", "fred")]
    outcomes = together([partial(confirm_address_of, person) for person in people])
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["Conflict", "Conflict", "NoneType"]
    assert User.objects.filter(email_confirmed_at__isnull=False).count() == 1


def test_a_reset_goes_to_whoever_has_confirmed_and_confirms(alice: User) -> None:
    sign_up(username="dora", password=OTHER, email=ADDRESS)
    mail.outbox.clear()
    mail_password_reset(email=ADDRESS, address="192.0.2.1")
    assert len(mail.outbox) == 2, "nobody has confirmed it"
    uid, token = link_in(str(mail.outbox[0].body)).split("/")
    assert reset_password(uid=uid, token=token, password="horse-battery-3") == alice
    alice.refresh_from_db()
    assert alice.email_confirmed_at is not None
    mail.outbox.clear()
    mail_password_reset(email=ADDRESS, address="192.0.2.1")
    (sent,) = mail.outbox
    assert "alice" in str(sent.body)


def test_failures_by_name_and_by_address_are_of_one_account(alice: User, settings: LazySettings) -> None:
    settings.LOGIN_FAILURES_PER_HOUR = 2
    for identifier in ("alice", ADDRESS):
        with pytest.raises(Invalid):
            sign_in(identifier, "wrong")
    for identifier in ("alice", ADDRESS):
        with pytest.raises(TooMany):
            sign_in(identifier, PASSWORD)
