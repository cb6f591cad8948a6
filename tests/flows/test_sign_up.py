"""Who may make an account: everybody, whoever has a link, or nobody; at every door."""

import re
from datetime import timedelta
from functools import partial
from io import StringIO

import pytest
import time_machine
from django.conf import LazySettings
from django.contrib.admin.models import LogEntry
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone

from messaging.actions.accounts import sign_up
from messaging.actions.invitations import invite, revoke_invitation
from messaging.errors import Forbidden
from messaging.models import Invitation, User
from tests.api.door import Caller
from tests.conftest import PASSWORD
from tests.messaging.together import together
from tests.pages.visitor import Visitor

pytestmark = pytest.mark.django_db


def by_rest(invitation: str = "") -> str:
    """The code of the refusal."""
    fields = {"username": "dora", "password": PASSWORD, "invitation": invitation}
    answer = Caller().post("/auth/users/", fields)
    return "" if answer.status == 201 else answer.code


def by_page(path: str = "/signup/") -> list[str]:
    visitor = Visitor()
    return visitor.submit(visitor.open(path).form("Sign up"), username="dora", password=PASSWORD).errors


def test_closed(settings: LazySettings) -> None:
    settings.SIGN_UP = "closed"
    assert by_rest() == "sign_up_closed"
    assert by_page() == ["Nobody can sign up here now."]
    assert not User.objects.exists()


def test_by_invitation_on_the_pages(settings: LazySettings) -> None:
    settings.SIGN_UP = "invitation"
    told = StringIO()
    call_command("invite", "--days", "2", stdout=told)
    path = told.getvalue().strip().removeprefix(settings.WEB_URL)
    assert by_page() == ["Signing up takes an invitation: ask somebody who is here for its link."]
    with time_machine.travel(timezone.now() + timedelta(days=3)):
        assert len(by_page(path)) == 1
    assert by_page(path) == []
    assert User.objects.get().username == "dora"


def secret_of(link: str) -> str:
    return link.rpartition("=")[2]


def test_by_invitation_over_rest(settings: LazySettings) -> None:
    settings.SIGN_UP = "invitation"
    row, link = invite(operator=None, lasts=timedelta(days=1))
    assert secret_of(link) not in str(Invitation.objects.values()), "it is kept as a hash"
    for wrong in ("", "nonsense", secret_of(link)[:-1] + "~", row.digest):
        assert by_rest(wrong) == "invitation_needed"
    assert by_rest(secret_of(link)) == ""
    assert Invitation.objects.get().used == 1


def test_a_revoked_invitation_lets_nobody_in(settings: LazySettings) -> None:
    settings.SIGN_UP = "invitation"
    row, link = invite(operator=None, lasts=timedelta(days=1), note="the choir")
    told = StringIO()
    call_command("invite", "--revoke", str(row.pk), stdout=told)
    call_command("invite", "--list", stdout=told)
    assert "revoked" in told.getvalue().splitlines()[1]
    assert told.getvalue().endswith("\tthe choir\n")
    assert by_rest(secret_of(link)) == "invitation_needed"
    with pytest.raises(CommandError, match="no such invitation"):
        call_command("invite", "--revoke", "12345")


@pytest.mark.django_db(transaction=True)
def test_as_many_come_by_an_invitation_as_it_is_for(settings: LazySettings) -> None:
    settings.SIGN_UP = "invitation"
    invitation = secret_of(invite(operator=None, lasts=timedelta(days=1), most=2)[1])

    def come(name: str) -> User:
        return sign_up(username=name, password=PASSWORD, address="192.0.2.7", invitation=invitation)

    outcomes = together([partial(come, f"guest-{number}") for number in range(5)])
    assert sum(isinstance(outcome, User) for outcome in outcomes) == 2
    assert {outcome.code for outcome in outcomes if isinstance(outcome, Forbidden)} == {"invitation_needed"}
    assert User.objects.count() == 2


def test_who_is_refused_for_another_reason_uses_up_no_place(settings: LazySettings) -> None:
    settings.SIGN_UP = "invitation"
    invitation = secret_of(invite(operator=None, lasts=timedelta(days=1), most=1)[1])
    fields = {"username": "dora", "password": "12345678", "invitation": invitation}
    assert Caller().post("/auth/users/", fields).status == 400
    assert by_rest(invitation) == ""
    assert by_rest(invitation) == "invitation_needed"


def test_operators_make_and_revoke_them_in_the_admin_and_nobody_else_does(
    olive: User, charlie: User, settings: LazySettings
) -> None:
    settings.SIGN_UP = "invitation"
    for user in (charlie, olive):
        User.objects.filter(pk=user.pk).update(is_staff=True)
    client = Client()
    client.force_login(charlie)
    path = "/admin/messaging/invitation/"
    assert client.get(f"{path}add/").status_code == 403
    with pytest.raises(Forbidden):
        invite(operator=charlie, lasts=timedelta(days=1))
    client.force_login(olive)
    page = client.post(
        f"{path}add/", {"note": "the choir", "days": "7", "most": "3"}, follow=True
    ).content.decode()
    (link,) = re.findall(r"/signup/\?invitation=([\w-]+)", page)
    assert by_rest(link) == ""
    row = Invitation.objects.get()
    assert link not in client.get(path).content.decode()
    with pytest.raises(Forbidden):
        revoke_invitation(operator=charlie, invitation=row.pk)
    client.post(path, {"action": "revoke", "_selected_action": [row.pk]})
    assert by_rest(link) == "invitation_needed"
    assert [entry.get_change_message() for entry in LogEntry.objects.order_by("pk")] == ["Made.", "Revoked."]


def test_open_needs_none() -> None:
    assert by_rest() == ""
