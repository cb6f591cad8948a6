"""Hundreds come at once: each is told what they missed and what comes, and whoever is there already hears it meanwhile."""

from contextlib import ExitStack

from tests.consumers.raw import RawClient
from tests.consumers.stage import Cast, Stage

CROWD = 300


def offsets(client: RawClient, last: int) -> list[int]:
    """What a client of the crowd is told of the feed, from the answer to its subscription on."""
    result = client.until(lambda line: "subscribe" in line)["subscribe"]
    assert result["recovered"] is True
    told: list[int] = [each["offset"] for each in result.get("publications", ())]
    assert not told or told[-1] == result["offset"]
    while told[-1:] != [last]:
        told.append(client.until(lambda line: "push" in line)["push"]["pub"]["offset"])
    return told


async def test_an_event_reaches_everybody_while_hundreds_come(stage: Stage, cast: Cast) -> None:
    (first,) = await stage.say(cast.alice, "feed", "missed")
    recovery = {"channel": "chat.feed", "recover": True, "epoch": await stage.epoch(), "offset": first - 1}
    with ExitStack() as ends:
        neighbour, *crowd = [ends.enter_context(RawClient(stage)) for _ in range(1 + CROWD)]
        neighbour.connect()
        neighbour.ask_for("subscribe", channel="chat.feed")
        for each in crowd:
            each.tell({"id": 1, "connect": {}}, {"id": 2, "subscribe": recovery})
        said = await stage.say(cast.alice, "feed", *map(str, range(10)))
        heard = [neighbour.until(lambda line: "push" in line)["push"]["pub"]["offset"] for _ in said]
        assert heard == said
        for each in crowd:
            assert offsets(each, said[-1]) == [first, *said]
