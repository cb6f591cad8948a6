"""A crowd is let through a slice at a time, in its order, and others have their turns between."""

import asyncio
import itertools
import time
from functools import partial

import pytest

from consumers import slices as slices_module
from consumers.slices import CROWD, MOST_IN_A_SLICE, TURNS_BETWEEN, Lane, Slices


async def test_whoever_comes_alone_goes_on_at_once() -> None:
    async with asyncio.timeout(1):
        await Slices().turn()


async def test_a_few_in_one_turn_go_on_without_waiting() -> None:
    slices = Slices()
    for _ in range(3):
        assert all(slices.passes() for _ in range(MOST_IN_A_SLICE))
        assert not slices.passes()
        await asyncio.sleep(0)


async def test_a_crowd_goes_on_in_its_order_and_others_have_their_turns_between() -> None:
    slices = Slices()
    went_on: list[int] = []

    async def come(number: int) -> None:
        await slices.turn()
        went_on.append(number)

    tasks = [asyncio.create_task(come(number)) for number in range(10 * MOST_IN_A_SLICE)]
    at_each_turn = []
    while len(went_on) < len(tasks):
        await asyncio.sleep(0)
        at_each_turn.append(len(went_on))
    assert went_on == list(range(len(tasks)))
    steps = [after - before for before, after in itertools.pairwise(at_each_turn)]
    assert max(steps) <= MOST_IN_A_SLICE
    assert steps.count(0) >= 9 * TURNS_BETWEEN


async def test_what_takes_long_is_done_one_at_a_time() -> None:
    slices = Slices()
    done = 0

    def take_long() -> None:
        nonlocal done
        time.sleep(2 * slices_module.SLICE_S)
        done += 1

    for _ in range(6):
        slices.call(take_long)
    while done < 6:
        before = done
        await asyncio.sleep(0)
        assert done - before <= 1


async def test_whoever_has_gone_meanwhile_holds_up_nobody() -> None:
    slices = Slices()
    *_, gone, stays = [asyncio.create_task(slices.turn()) for _ in range(2 * MOST_IN_A_SLICE)]
    await asyncio.sleep(0)
    assert gone.cancel()
    async with asyncio.timeout(1):
        await stays


async def test_a_failure_is_nobody_elses() -> None:
    slices = Slices()
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: None)
    slices.call(lambda: 1 // 0)
    async with asyncio.timeout(1):
        await slices.turn()


async def test_whom_the_kernel_holds_is_first_and_who_has_just_come_last(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(slices_module, "SLICE_S", 1.0)  # one slice, however slow the machine is
    slices = Slices()
    done: list[Lane] = []
    slices.call(lambda: None)  # the rest waits for the next slice
    for lane in (Lane.NEW, Lane.UNDER_WAY, Lane.NEW, Lane.TAKEN_IN, Lane.UNDER_WAY):
        slices.call(partial(done.append, lane), lane)
    ended = asyncio.Event()
    slices.call(ended.set, Lane.NEW)
    async with asyncio.timeout(1):
        await ended.wait()
    assert done == [Lane.TAKEN_IN, Lane.UNDER_WAY, Lane.UNDER_WAY, Lane.NEW, Lane.NEW]


async def test_no_lane_waits_while_another_never_runs_empty() -> None:
    slices = Slices()

    async def ask_again_and_again() -> None:
        while True:
            await slices.turn()
            time.sleep(0.0002)  # noqa: ASYNC251 - it is work

    busy = [asyncio.create_task(ask_again_and_again()) for _ in range(MOST_IN_A_SLICE + 1)]
    await asyncio.sleep(0.01)
    heard = asyncio.Event()
    slices.call(heard.set, Lane.NEW)
    try:
        async with asyncio.timeout(2):
            await heard.wait()
    finally:
        for each in busy:
            each.cancel()


async def test_many_in_a_short_time_are_a_crowd_until_they_are_through() -> None:
    slices = Slices()
    for _ in range(CROWD - 1):
        slices.note_newcomer()
    assert not slices.is_crowd()
    slices.note_newcomer()
    assert slices.is_crowd()
    await asyncio.sleep(slices_module.CROWD_WITHIN_S)
    assert not slices.is_crowd()
