"""Tests of the history checker: it is content with what is right, and sees every way to be wrong."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from asgi_app.storm.history import POSTED, Began, History, Kind, Saw, check
from messaging.queries.events import MAX_REPLAYED
from messaging.queries.whole_log import Log, LogEvent, LogMessage

ALICE, BOB = 1, 2
EPOCH = "e"
JOINED = 2
"""The room's first events are its two members' coming."""


class Run:
    """Alice and bob post five messages each, one after the other; dora follows from the start, ed is cut off in the
    middle and recovers, flora comes in the middle. A test breaks one thing.
    """

    def __init__(self) -> None:
        self.history = History()
        joins = [LogEvent(seq, "member.joined", "", None) for seq in range(1, JOINED + 1)]
        self.log = Log(EPOCH, JOINED, 0, joins, [])
        self.dora, self.ed = self.history.reader("dora"), self.history.reader("ed")
        for reader in (self.dora, self.ed):
            self.history.began(reader, epoch=EPOCH, seq=JOINED)
            self.history.read(reader, epoch=EPOCH, seq=JOINED, texts={}, begun_at=self.history.now())
        for count in range(1, 11):
            self.post(ALICE if count % 2 else BOB, f"id-{count}", f"text {count}")
            self.sees("dora", JOINED + count)
            if count == 4:
                self.flora = self.history.reader("flora")
                self.history.began(self.flora, epoch=EPOCH, seq=self.log.last_seq)
                self.reads("flora")
            if count > 4:
                self.sees("flora", JOINED + count)
            if count <= 3:
                self.sees("ed", JOINED + count)
        for count in range(4, 11):
            self.sees("ed", JOINED + count, how="replay")

    def post(self, author: int, client_id: str, text: str) -> None:
        post = self.history.sends(author=author, client_id=client_id, text=text)
        self.append(author, client_id, text)
        if client_id == "id-3":
            self.history.unknown(post)
        self.history.acknowledged(post, seq=self.log.last_seq, number=self.log.message_count)

    def append(self, author: int, client_id: str, text: str) -> None:
        log = self.log
        seq, number = log.last_seq + 1, log.message_count + 1
        self.log = replace(
            log,
            last_seq=seq,
            message_count=number,
            events=[*log.events, LogEvent(seq, POSTED, text, number)],
            messages=[*log.messages, LogMessage(number, seq, author, client_id, text)],
        )

    def sees(self, name: str, seq: int, *, how: str = "live") -> None:
        event = self.log.events[seq - 1]
        self.history.saw(
            self.history.readers[name],
            epoch=EPOCH,
            seq=seq,
            type=event.type,
            text=event.text,
            how="replay" if how == "replay" else "live",
        )

    def reads(self, name: str) -> None:
        self.history.read(
            self.history.readers[name],
            epoch=EPOCH,
            seq=self.log.last_seq,
            texts={message.number: message.text for message in self.log.messages},
            begun_at=self.history.now(),
        )

    def kinds(self) -> set[Kind]:
        return {violation.kind for violation in check(self.history, self.log)}


def test_a_run_that_kept_the_promise_has_no_violation() -> None:
    run = Run()
    assert check(run.history, run.log) == []
    assert (run.history.sights("replay"), run.history.unknown_outcomes()) == (7, 1)


def test_a_repeat_that_gets_the_first_answer_is_no_violation() -> None:
    run = Run()
    run.history.acknowledged(run.history.posts["id-2"], seq=JOINED + 2, number=2)
    assert check(run.history, run.log) == []


def test_a_message_of_unknown_outcome_may_be_in_the_log_or_not() -> None:
    run = Run()
    for client_id in ("there", "not-there"):
        run.history.unknown(run.history.sends(author=ALICE, client_id=client_id, text="hm"))
    run.append(ALICE, "there", "hm")
    for name in run.history.readers:
        run.sees(name, run.log.last_seq)
    assert check(run.history, run.log) == []


def test_posts_at_the_same_time_may_be_in_either_order() -> None:
    run = Run()
    posts = [run.history.sends(author=ALICE, client_id=each, text=each) for each in ("one", "two")]
    for post in reversed(posts):
        run.append(ALICE, post.client_id, post.text)
    for post in posts:
        place = next(each for each in run.log.messages if each.client_id == post.client_id)
        run.history.acknowledged(post, seq=place.seq, number=place.number)
    for name in run.history.readers:
        for seq in (run.log.last_seq - 1, run.log.last_seq):
            run.sees(name, seq)
    assert check(run.history, run.log) == []


def long_absence(run: Run, *, events: int) -> None:
    """Dora misses so many events and is told to start over."""
    for count in range(events):
        run.post(BOB, f"long-{count}", "while dora was away")
        run.sees("ed", run.log.last_seq)
        run.sees("flora", run.log.last_seq)
    run.history.started_over(run.dora, epoch=EPOCH, seq=run.log.last_seq)
    run.reads("dora")


def test_starting_over_from_a_fresh_read_after_a_long_absence_is_no_violation() -> None:
    run = Run()
    long_absence(run, events=MAX_REPLAYED + 1)
    assert run.history.starts_over() == 1
    assert check(run.history, run.log) == []


# One plant for every kind of violation, some of them in several places.


def drop_from_log(run: Run) -> None:
    """The last message was acknowledged, and a crash took it: row, event and counters."""
    run.log = replace(
        run.log,
        last_seq=run.log.last_seq - 1,
        message_count=run.log.message_count - 1,
        events=run.log.events[:-1],
        messages=run.log.messages[:-1],
    )


def answer_a_repeat_with_another_place(run: Run) -> None:
    run.history.acknowledged(run.history.posts["id-2"], seq=JOINED + 9, number=9)


def answer_with_another_number(run: Run) -> None:
    run.history.acknowledged(run.history.posts["id-2"], seq=JOINED + 2, number=1)


def keep_a_repeat_as_well(run: Run) -> None:
    run.append(ALICE, "id-1", "text 1")
    for name in run.history.readers:
        run.sees(name, run.log.last_seq)


def change_a_text(run: Run) -> None:
    _change_message(run, text="other words")


def change_an_author(run: Run) -> None:
    _change_message(run, author=BOB)


def _change_message(run: Run, **fields: object) -> None:
    messages = list(run.log.messages)
    messages[0] = replace(messages[0], **fields)  # type: ignore[arg-type]  # the caller names its fields
    run.log = replace(run.log, messages=messages)


def add_what_nobody_sent(run: Run) -> None:
    run.append(ALICE, "nobody", "boo")


def add_what_has_no_client_id(run: Run) -> None:
    run.append(ALICE, "", "boo")


def keep_a_refused_one(run: Run) -> None:
    post = run.history.sends(author=ALICE, client_id="no", text="no")
    run.history.refused(post, "403")
    run.append(ALICE, "no", "no")


def lose_an_event(run: Run) -> None:
    run.log = replace(run.log, events=[event for event in run.log.events if event.seq != 2])


def repeat_a_seq(run: Run) -> None:
    run.log = replace(run.log, events=[*run.log.events, run.log.events[1]])


def skip_a_number(run: Run) -> None:
    run.log = replace(run.log, message_count=run.log.message_count + 1)


def let_numbers_fall(run: Run) -> None:
    one, other, *rest = run.log.messages
    run.log = replace(
        run.log, messages=[replace(one, number=other.number), replace(other, number=one.number), *rest]
    )


def tell_another_text_in_the_event(run: Run) -> None:
    events = list(run.log.events)
    events[JOINED] = replace(events[JOINED], text="something else")
    run.log = replace(run.log, events=events)


def begin_late_what_is_early(run: Run) -> None:
    """It was sent only after the last one had been answered, and stands before it."""
    last = run.log.messages[-1]
    late = run.history.sends(author=ALICE, client_id="late", text=last.text)
    _replace_last(run, client_id=late.client_id)
    run.history.acknowledged(late, seq=last.seq, number=last.number)


def begin_after_it_was_seen(run: Run) -> None:
    """Nobody answered the last one; a reader had seen its seq before another got that seq."""
    run.append(ALICE, "seen", "seen")
    run.sees("dora", run.log.last_seq)
    post = run.history.sends(author=ALICE, client_id="later", text="seen")
    run.history.unknown(post)
    _replace_last(run, client_id="later")


def _replace_last(run: Run, *, client_id: str) -> None:
    *messages, last = run.log.messages
    run.log = replace(run.log, messages=[*messages, replace(last, client_id=client_id)])


def never_show_the_last(run: Run) -> None:
    run.ed.steps.pop()


def never_show_one_in_the_middle(run: Run) -> None:
    run.dora.steps = [step for step in run.dora.steps if not (isinstance(step, Saw) and step.seq == 6)]


def never_read_what_was_before(run: Run) -> None:
    del run.flora.steps[1]


def show_nothing_at_all(run: Run) -> None:
    run.history.reader("gus")


def show_again_at_once(run: Run) -> None:
    run.dora.steps.insert(5, run.dora.steps[4])


def show_again_after_the_recovery(run: Run) -> None:
    run.sees("ed", JOINED + 5)


def show_what_the_position_has(run: Run) -> None:
    """A push with an offset that the reply to the subscription has covered."""
    run.flora.steps.insert(2, Saw(EPOCH, JOINED + 4, POSTED, "text 4", "live"))


def show_a_later_one_first(run: Run) -> None:
    steps = run.dora.steps
    steps[4], steps[5] = steps[5], steps[4]


def begin_behind(run: Run) -> None:
    run.history.started_over(run.dora, epoch=EPOCH, seq=JOINED + 2)
    run.reads("dora")


def show_an_unknown_seq(run: Run) -> None:
    run.history.saw(
        run.dora, epoch=EPOCH, seq=run.log.last_seq + 1, type=POSTED, text="never committed", how="live"
    )


def show_another_text(run: Run) -> None:
    _change_last_sight(run, text="other words")


def show_another_type(run: Run) -> None:
    _change_last_sight(run, type="message.edited")


def show_another_epoch(run: Run) -> None:
    _change_last_sight(run, epoch="other")


def _change_last_sight(run: Run, **fields: str) -> None:
    last = run.dora.steps[-1]
    assert isinstance(last, Saw)
    run.dora.steps[-1] = replace(last, **fields)  # type: ignore[arg-type]  # the caller names its fields


def read_what_is_not_there(run: Run) -> None:
    run.history.read(
        run.dora,
        epoch=EPOCH,
        seq=run.log.last_seq,
        texts={message.number: message.text for message in run.log.messages} | {99: "boo"},
        begun_at=run.history.now(),
    )


def read_without_one(run: Run) -> None:
    texts = {message.number: message.text for message in run.log.messages if message.number != 5}
    run.history.read(run.dora, epoch=EPOCH, seq=run.log.last_seq, texts=texts, begun_at=run.history.now())


def read_an_old_state(run: Run) -> None:
    """As a replica gives it that has not heard yet of what was answered."""
    texts = {message.number: message.text for message in run.log.messages[:-1]}
    run.history.read(run.dora, epoch=EPOCH, seq=run.log.last_seq - 1, texts=texts, begun_at=run.history.now())


def start_over_after_a_short_absence(run: Run) -> None:
    long_absence(run, events=MAX_REPLAYED)


def start_over_for_nothing(run: Run) -> None:
    run.dora.steps.append(Began(EPOCH, run.log.last_seq, asked=run.log.last_seq))
    run.reads("dora")


def tell_charlie(run: Run) -> None:
    run.history.leaked("charlie", "text 1")


def answer_oddly(run: Run) -> None:
    run.history.odd("dora", "close 1011")


PLANTS: list[tuple[Kind, Callable[[Run], None]]] = [
    (Kind.LOST, drop_from_log),
    (Kind.MOVED, answer_a_repeat_with_another_place),
    (Kind.MOVED, answer_with_another_number),
    (Kind.TWICE, keep_a_repeat_as_well),
    (Kind.CHANGED, change_a_text),
    (Kind.CHANGED, change_an_author),
    (Kind.UNSENT, add_what_nobody_sent),
    (Kind.UNSENT, add_what_has_no_client_id),
    (Kind.UNREFUSED, keep_a_refused_one),
    (Kind.HOLE, lose_an_event),
    (Kind.HOLE, repeat_a_seq),
    (Kind.HOLE, skip_a_number),
    (Kind.HOLE, let_numbers_fall),
    (Kind.TORN, tell_another_text_in_the_event),
    (Kind.TORN, change_a_text),
    (Kind.COMMIT_ORDER, begin_late_what_is_early),
    (Kind.COMMIT_ORDER, begin_after_it_was_seen),
    (Kind.MISSED, never_show_the_last),
    (Kind.MISSED, never_show_one_in_the_middle),
    (Kind.MISSED, never_read_what_was_before),
    (Kind.MISSED, show_nothing_at_all),
    (Kind.REPEATED, show_again_at_once),
    (Kind.REPEATED, show_again_after_the_recovery),
    (Kind.REPEATED, show_what_the_position_has),
    (Kind.DISORDER, show_a_later_one_first),
    (Kind.DISORDER, begin_behind),
    (Kind.PHANTOM, show_an_unknown_seq),
    (Kind.PHANTOM, show_another_text),
    (Kind.PHANTOM, show_another_type),
    (Kind.PHANTOM, show_another_epoch),
    (Kind.PHANTOM, read_what_is_not_there),
    (Kind.STALE, read_without_one),
    (Kind.STALE, read_an_old_state),
    (Kind.NEEDLESS, start_over_after_a_short_absence),
    (Kind.NEEDLESS, start_over_for_nothing),
    (Kind.LEAKED, tell_charlie),
    (Kind.ODD, answer_oddly),
]


@pytest.mark.parametrize(
    ("kind", "plant"),
    [pytest.param(kind, plant, id=f"{kind.name}-{plant.__name__}") for kind, plant in PLANTS],
)
def test_a_planted_violation_is_found(kind: Kind, plant: Callable[[Run], None]) -> None:
    run = Run()
    plant(run)
    assert kind in run.kinds()


def test_there_is_a_plant_of_every_kind() -> None:
    assert {kind for kind, _ in PLANTS} == set(Kind)


def test_a_violation_is_told_in_a_sentence() -> None:
    run = Run()
    drop_from_log(run)
    told = "\n".join(map(str, check(run.history, run.log)))
    assert "LOST id-10: acknowledged as Place(seq=12, number=10) (acknowledged, and not in the log)" in told
