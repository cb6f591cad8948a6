"""Who may make an account: everybody, whoever has a link, or nobody; at every door."""

from datetime import timedelta
from io import StringIO

import pytest
import time_machine
from django.conf import LazySettings
from django.core.management import call_command
from django.utils import timezone

from messaging.actions.invitations import invite
from messaging.models import User
from tests.api.door import Caller
from tests.conftest import PASSWORD
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


def test_by_invitation_over_rest(settings: LazySettings) -> None:
    settings.SIGN_UP = "invitation"
    invitation = invite(lasts=timedelta(days=1)).rpartition("=")[2]
    for wrong in ("", "nonsense", invitation[:-1] + "~"):
        assert by_rest(wrong) == "invitation_needed"
    assert by_rest(invitation) == ""


def test_open_needs_none() -> None:
    assert by_rest() == ""
