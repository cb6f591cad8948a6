"""The doors of the admin: who signs in, out or changes their password there does it by the same actions as elsewhere."""

import pytest
from django.conf import LazySettings
from django.test import Client

from messaging.actions.accounts import create_token
from messaging.models import LoginFailure, Token, User
from tests.conftest import PASSWORD

ADMIN = "/admin/messaging/user/"


@pytest.fixture
def root(db: None) -> User:
    return User.objects.create_superuser("root", "", PASSWORD)


def log_in(client: Client, password: str) -> str:
    """Follows the admin to wherever one logs in, and does; returns the path that this leads to."""
    page = client.get(ADMIN, follow=True)
    fields = {"identifier": "root", "username": "root", "password": password, "next": ADMIN}
    answer = client.post(page.request["PATH_INFO"], fields)
    return answer.headers.get("Location", "")


def test_the_admin_is_entered_by_the_log_in_of_the_pages(root: User) -> None:
    client = Client()
    assert log_in(client, PASSWORD) == ADMIN
    assert client.get(ADMIN).status_code == 200


def test_passwords_are_not_guessed_at_the_admin_either(root: User, settings: LazySettings) -> None:
    settings.LOGIN_FAILURES_PER_HOUR = 3
    client = Client()
    for _ in range(3):
        assert log_in(client, "wrong") == ""
    assert LoginFailure.objects.filter(key__startswith="account:root").count() == 3
    assert log_in(client, PASSWORD) == ""
    assert client.post("/admin/login/", {"username": "root", "password": PASSWORD}).status_code == 302
    assert client.get(ADMIN).status_code == 302


def test_whoever_has_no_business_in_the_admin_is_told_so(alice: User) -> None:
    client = Client()
    client.force_login(alice)
    assert client.get(ADMIN, follow=True).status_code == 403


def test_leaving_by_the_admin_ends_the_live_connections_of_that_session(root: User) -> None:
    client = Client()
    client.force_login(root)
    assert client.post("/admin/logout/").status_code == 302
    assert "_auth_user_id" not in client.session
    assert User.objects.get(pk=root.pk).access_version == root.access_version + 1


@pytest.mark.django_db(transaction=True)
def test_a_password_is_changed_where_that_signs_devices_out(root: User) -> None:
    client = Client()
    client.force_login(root)
    create_token(user=root)
    new = "battery-horse-correct"
    sent = {"old_password": PASSWORD, "new_password1": new, "new_password2": new}
    page = client.post("/admin/password_change/", sent, follow=True)
    client.post(page.request["PATH_INFO"], {"current_password": PASSWORD, "new_password": new})
    assert User.objects.get(pk=root.pk).check_password(new)
    assert not Token.objects.exists()
