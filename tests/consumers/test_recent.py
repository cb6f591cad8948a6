"""The feed's memory: a run without holes that ends where the stream stands, without what was taken back."""

from datetime import UTC, datetime

import pytest

from consumers.recent import Recent
from messaging.events import Message, MessageDeleted, MessagePosted, Person
from messaging.queries.events import MAX_REPLAY_BYTES, MAX_REPLAYED, Encoded

NOW = datetime(2026, 1, 31, tzinfo=UTC)


def posted(seq: int, text: str = "hello") -> Encoded:
    author = Person(id=1, username="alice")
    message = Message(id=seq, number=seq, seq=seq, author=author, text=text, created_at=NOW)
    return seq, [], MessagePosted(chat="feed", seq=seq, at=NOW, message=message).model_dump_json().encode()


def deleted(seq: int, number: int) -> Encoded:
    event = MessageDeleted(
        chat="feed", seq=seq, at=NOW, message_id=number, number=number, deleted_at=NOW, deleted_by=1
    )
    return seq, [], event.model_dump_json().encode()


def seqs(events: list[Encoded] | None) -> list[int] | None:
    return None if events is None else [seq for seq, _, _ in events]


@pytest.fixture
def recent() -> Recent:
    """The events 1 to 5, read from the log."""
    recent = Recent()
    recent.fill([posted(seq) for seq in range(1, 6)], 5)
    return recent


def test_it_replays_what_it_has(recent: Recent) -> None:
    recent.add(posted(6))
    assert recent.filled
    assert [seqs(recent.after(seq, 6)) for seq in (0, 4, 6)] == [[1, 2, 3, 4, 5, 6], [5, 6], []]


def test_a_deletion_empties_it(recent: Recent) -> None:
    before = recent.clearings
    recent.add(deleted(6, 2))
    assert not recent.filled
    assert recent.clearings == before + 1


def test_a_text_takes_nothing_back(recent: Recent) -> None:
    for seq, text in enumerate(("message.deleted", '"type":"message.deleted"'), start=6):
        recent.add(posted(seq, text))
    assert seqs(recent.after(5, 7)) == [6, 7]


def test_what_came_while_the_log_was_read_follows_what_was_read() -> None:
    recent = Recent()
    for seq in (4, 5, 6):
        recent.add(posted(seq))
    assert not recent.filled
    recent.fill([posted(seq) for seq in range(1, 5)], 6)
    assert seqs(recent.after(0, 6)) == [1, 2, 3, 4, 5, 6]


def test_a_short_run_knows_what_came_after_its_beginning_and_no_more() -> None:
    recent = Recent()
    recent.fill([posted(4), posted(5)], 5, is_whole=False)
    assert not recent.filled
    assert [recent.reaches(seq) for seq in (2, 3, 4)] == [False, True, True]
    assert seqs(recent.after(3, 5)) == [4, 5]
    recent.clear()
    assert not recent.reaches(3)


def test_a_run_as_long_as_a_replay_may_be_knows_that_more_would_be_too_much() -> None:
    recent = Recent()
    recent.fill([posted(4), posted(5, "x" * MAX_REPLAY_BYTES)], 5, is_whole=False)
    assert recent.reaches(3)
    assert recent.after(3, 5) is None


def test_a_read_that_leaves_a_hole_is_not_taken() -> None:
    recent = Recent()
    recent.add(posted(6))
    recent.fill([posted(seq) for seq in range(1, 5)], 6)
    assert not recent.filled


def test_it_keeps_no_more_than_a_replay_may_be(recent: Recent) -> None:
    for seq in range(6, MAX_REPLAYED + 10):
        recent.add(posted(seq))
    head = MAX_REPLAYED + 9
    assert len(recent.after(head - MAX_REPLAYED, head) or ()) == MAX_REPLAYED
    assert recent.after(head - MAX_REPLAYED - 1, head) is None
    recent.add(posted(head + 1, "x" * (MAX_REPLAY_BYTES - 1000)))
    kept = recent.after(head, head + 1)
    assert seqs(kept) == [head + 1]
    assert recent.after(head - 50, head + 1) is None
