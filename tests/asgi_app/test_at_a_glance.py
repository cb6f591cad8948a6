"""The operators' page: the numbers of `/metrics`, what is bad first, for operators only."""

from datetime import timedelta

import httpx
import pytest
from django.test import Client
from django.utils import timezone

from messaging.actions.retention import claim_chore
from messaging.models import Chore, User
from tests.conftest import PASSWORD


@pytest.fixture
def root(transactional_db: None) -> User:
    return User.objects.create_superuser("root", "", PASSWORD)


def test_it_tells_what_is_bad_first(root: User) -> None:
    claim_chore("prune_events", 60)
    client = Client()
    client.force_login(root)
    assert "/admin/at-a-glance/" in client.get("/admin/").content.decode()
    page = client.get("/admin/at-a-glance/").content.decode()
    assert "nothing yet" in page or "under " in page
    assert "service up</th><td>database</td><td>1</td>" in page
    assert "⚠" not in page
    Chore.objects.update(due_at=timezone.now() - timedelta(hours=2))
    page = client.get("/admin/at-a-glance/").content.decode()
    assert page.index("⚠ chore overdue seconds") < page.index("service up")


def test_it_is_for_operators(root: User, alice: User) -> None:
    for staff in (False, True):
        User.objects.filter(pk=alice.pk).update(is_staff=staff)
        client = Client()
        client.force_login(alice)
        answer = client.get("/admin/at-a-glance/")
        assert answer.status_code == (httpx.codes.FORBIDDEN if staff else httpx.codes.FOUND)
