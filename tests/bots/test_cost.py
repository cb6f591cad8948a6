"""What one thing that a contact says costs at the database, from the claim to the answer that is recorded as sent."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from messaging.actions.bots import enlist_bots
from messaging.actions.deliveries import claim_deliveries, record_sent
from messaging.actions.inbounds import Situation, claim_inbounds, handle_inbound
from messaging.actions.journal import store_inbounds
from messaging.content import Text
from messaging.models import Delivery, Inbound, User
from tests.bots.conftest import arrival

pytestmark = pytest.mark.django_db(transaction=True)

# Each with the two BEGINs and COMMITs.
MOST_TO_HANDLE = 16
MOST_TO_SEND = 14


def handle(author: User) -> None:
    def respond(situation: Situation) -> list[Text]:
        situation.state["count"] = situation.state.get("count", 0) + 1
        return [Text(text=situation.heard.text)]

    for claimed in claim_inbounds(limit=10):
        handle_inbound(claimed, author=author, respond=respond)


def send() -> None:
    owed = claim_deliveries(
        platform="paper", account="parrot", limit=10, per_second=1000, chat_interval_s=0.001, chat_burst=9
    )
    for each in owed:
        record_sent(each, external_ids=[f"paper-{each.delivery.pk}"])


def test_what_a_known_contact_says_costs_few_statements() -> None:
    author = enlist_bots(["parrot"])["parrot"]
    for text in ("the first", "and the next"):
        store_inbounds([arrival("ada", text)])
        with CaptureQueriesContext(connection) as handling:
            handle(author)
        with CaptureQueriesContext(connection) as sending:
            send()
    assert set(Inbound.objects.values_list("state", flat=True)) == {"done"}
    assert list(Delivery.objects.values_list("state", flat=True)) == ["sent", "sent"]
    for asked, most in ((handling, MOST_TO_HANDLE), (sending, MOST_TO_SEND)):
        statements = [each["sql"] for each in asked.captured_queries]
        assert len(statements) <= most, "\n".join(statements)
