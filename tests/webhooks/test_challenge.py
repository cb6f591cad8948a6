"""Meta asks whether we are the ones that its set-up page names: digits come back, and nothing else."""

import httpx
import pytest

from tests.webhooks.conftest import MESSENGER, VERIFY_TOKEN
from webhooks.fakes import FakeMessenger


async def challenge(door: httpx.AsyncClient, **changed: str) -> httpx.Response:
    query = {"hub.mode": "subscribe", "hub.verify_token": VERIFY_TOKEN, "hub.challenge": "1158201444"}
    return await door.get(
        MESSENGER, params=query | {key.replace("_", ".", 1): each for key, each in changed.items()}
    )


async def test_a_challenge_is_answered(messenger: FakeMessenger, door: httpx.AsyncClient) -> None:
    answer = await challenge(door)
    assert (answer.status_code, answer.text) == (200, "1158201444")
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    ("changed", "status"),
    [
        ({"hub_verify_token": "wrong"}, 403),
        ({"hub_verify_token": VERIFY_TOKEN.upper()}, 403),
        ({"hub_verify_token": ""}, 403),
        ({"hub_mode": "unsubscribe"}, 403),
        ({"hub_challenge": "<script>alert(1)</script>"}, 400),
        ({"hub_challenge": "12a"}, 400),
        ({"hub_challenge": "\uff11\uff12"}, 400),
        ({"hub_challenge": "1" * 101}, 400),
        ({"hub_challenge": ""}, 400),
    ],
)
async def test_a_challenge_that_is_none(
    messenger: FakeMessenger, door: httpx.AsyncClient, changed: dict[str, str], status: int
) -> None:
    answer = await challenge(door, **changed)
    assert answer.status_code == status
    assert "<" not in answer.text


async def test_a_challenge_twice_in_one_query(messenger: FakeMessenger, door: httpx.AsyncClient) -> None:
    for query in ("", "hub.mode", "hub.mode=subscribe&" * 50, f"hub.verify_token={VERIFY_TOKEN}&" * 2):
        assert (await door.get(f"{MESSENGER}?{query}")).status_code in {400, 403}
