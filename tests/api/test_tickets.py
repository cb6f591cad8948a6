"""Tickets for live connections, got with a token or from a signed-in page."""

import pytest
from django.test import Client

from messaging.actions.accounts import redeem_ticket
from messaging.errors import Expired
from messaging.models import User
from tests.api.door import Caller

pytestmark = pytest.mark.django_db


def test_a_ticket_opens_one_connection(as_alice: Caller, alice: User) -> None:
    answer = as_alice.post("/api/socket-tickets/")
    assert (answer.status, answer.body["expires_in"]) == (201, 60)
    assert redeem_ticket(ticket=answer.body["ticket"]).user == alice
    with pytest.raises(Expired):
        redeem_ticket(ticket=answer.body["ticket"])


def test_a_ticket_from_a_page_stands_for_its_session(alice: User) -> None:
    page = Client()
    page.force_login(alice)
    answer = page.post("/api/socket-tickets/")
    credential = redeem_ticket(ticket=answer.json()["ticket"])
    assert (credential.kind, credential.key) == ("session", page.session.session_key)


def test_a_page_needs_its_csrf_token(alice: User) -> None:
    page = Client(enforce_csrf_checks=True)
    page.force_login(alice)
    refused = page.post("/api/socket-tickets/")
    assert (refused.status_code, refused.json()["code"]) == (403, "csrf_failed")
    page.cookies["csrftoken"] = "x" * 32
    assert page.post("/api/socket-tickets/", headers={"X-CSRFToken": "x" * 32}).status_code == 201
    assert page.get("/api/me/").json()["username"] == "alice"
