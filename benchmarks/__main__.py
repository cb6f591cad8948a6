"""`python -m benchmarks`: measures, prints tables, keeps the numbers in var/bench, and writes docs/benchmarks.md if asked.

It is meant to take a quarter of an hour, QUICK=1 (or --quick) two minutes, FULL=1 (or --full) as long as it takes. --asgi
measures ours, stock Channels and native ASGI on the servers that there are for each. --page FILE ... measures nothing: it
writes the page, with its plot, from numbers that were kept.
"""

import argparse
import datetime as dt
import os
import signal
import sys
import tempfile
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TypeVar

from benchmarks import asgi, machine, page, report
from benchmarks.generator import Failed, Generator, Pids, build
from benchmarks.peer import ROOT, Bench, Missing, Peer, Running
from benchmarks.peers import ASGI, PEERS, USUAL
from benchmarks.profile import profiled
from benchmarks.report import Measurement, Results
from benchmarks.scenario import Facts, Scenario
from benchmarks.scenarios import SCENARIOS
from benchmarks.size import SIZES, Size
from benchmarks.stack import running_stack

RESULTS = ROOT / "var" / "bench"
DISTURBED_CORES = 0.15
T = TypeVar("T", Peer, Scenario)


def main() -> None:
    options = _options()
    # Told to stop, it ends what it has started, and keeps what it has measured.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    if options.page:
        page.write([Results.read(Path(name)) for name in options.page], _cache())
        return
    size = SIZES["full" if options.full else "quick" if options.quick else "usual"]
    usual = {each.key for each in (ASGI if options.asgi else PEERS if options.full else USUAL)}
    peers = _chosen(PEERS, options.peers, size.peers or frozenset(usual))
    scenarios = _chosen(SCENARIOS, options.only, asgi.SCENARIOS if options.asgi else size.scenarios)
    if options.only:
        size = replace(size, peers_of={})
    results = measure(size, options, peers, scenarios)
    file = RESULTS / f"{dt.datetime.now(dt.UTC):%Y%m%dT%H%M%SZ}-{size.name}.json"
    results.write(file)
    if options.asgi:
        print(f"\n{report.as_text(asgi.table(results))}")
    for scenario in [] if options.asgi else scenarios:
        if rows := report.table(results, scenario):
            print(f"\n{scenario.title}\n\n{report.as_text(rows)}\n{report.room_left(results, scenario)}")
    print(f"\nAll numbers are in {file.relative_to(ROOT)}.")
    if options.write:
        page.write([results], _cache())
    sys.exit(any(each.failure for each in results.measurements))


def measure(
    size: Size, options: argparse.Namespace, peers: Sequence[Peer], scenarios: Sequence[Scenario]
) -> Results:
    """Every server goes through all scenarios, then every server again: what changes meanwhile changes for all."""
    begun = time.monotonic()
    repetitions = options.repetitions or size.repetitions
    where, cache = machine.cores(), _cache()
    others = machine.load_of_others()
    machine.pin_self(where.rest)
    machine.raise_file_limit()
    with tempfile.TemporaryDirectory(prefix="parley-bench-") as directory, running_stack() as stack:
        generator = Generator(build("loadgen", cache), where)
        bench = Bench(size, where, stack, generator, Path(directory), cache)
        results = Results(about={}, peers={})
        peers, versions = _prepared(bench, peers, results)
        results.peers = {peer.key: peer.title for peer in peers}
        results.limits = [peer.key for peer in peers if peer.is_limit]
        about = {
            "Date": f"{dt.datetime.now(dt.UTC):%Y-%m-%d %H:%M} UTC",
            "Machine": machine.description(),
            "Pinned": str(where),
            "In use by others at the start": f"{others:.2f} cores",
            "Versions": ", ".join(f"{name} {number}" for name, number in versions.items()),
            "Load generator": generator.description,
            "Size": f"{size.name}: {size.connections} connections, medians of {repetitions} interleaved runs",
            "Open files": f"at most {machine.allowed_files()} for a process",
        }
        results.about = about
        for name, value in about.items():
            print(f"{name}: {value}")
        try:
            for repetition in range(1, repetitions + 1):
                for peer in peers:
                    _visit(bench, peer, scenarios, repetition, options=options, results=results)
        except KeyboardInterrupt:
            about["Broken off"] = "what had been measured by then is here"
    results.about = {**about, "Took": f"{(time.monotonic() - begun) / 60:.1f} minutes"}
    return results


def _prepared(bench: Bench, peers: Sequence[Peer], results: Results) -> tuple[list[Peer], dict[str, str]]:
    versions = {**machine.python_versions(), **bench.stack.versions()}
    ready = []
    for peer in peers:
        try:
            versions |= peer.prepare(bench)
            ready.append(peer)
        except Missing as missing:
            results.missing[peer.title] = str(missing)
            print(f"Not measured: {peer.title}, because {missing}")
    return ready, versions


def _visit(
    bench: Bench,
    peer: Peer,
    scenarios: Sequence[Scenario],
    repetition: int,
    *,
    options: argparse.Namespace,
    results: Results,
) -> None:
    """One server, started anew, through all scenarios that suit it; and started anew again after one that it could not
    do, which has left it with too much to do. A failure ends it: what came after would be about a broken server."""
    remaining = deque(
        each
        for each in scenarios
        if (peer.scenarios is None or each.key in peer.scenarios) and bench.size.has(each.key, peer.key)
    )
    while remaining:
        bench.stack.forget_channels()
        scenario = remaining[0]
        try:
            with peer.running(bench) as running:
                could = True
                while could and remaining:
                    scenario = remaining.popleft()
                    if not scenario.suits(running):
                        continue
                    if scenario.is_native and not bench.generator.is_native:
                        results.missing[scenario.title] = "it needs Linux and a C compiler"
                        continue
                    print(f"  {repetition}  {peer.title}: {scenario.title}: ", end="", flush=True)
                    begun = time.monotonic()
                    try:
                        facts = _measured(bench, running, scenario, f"{peer.key}-{scenario.key}", options)
                    except machine.TooFewFiles as too_few:
                        results.missing[scenario.title] = str(too_few)
                        print(f"not here: {too_few}")
                        continue
                    could = facts["value"] is not None
                    took_s = time.monotonic() - begun
                    print(f"{_shown(scenario, facts)} ({took_s:.0f} s)")
                    results.measurements.append(
                        Measurement(scenario.key, peer.key, repetition, facts, took_s=took_s)
                    )
        except Failed as failure:
            print(f"\n     {peer.title} failed in {scenario.title!r}: {failure}")
            results.measurements.append(Measurement(scenario.key, peer.key, repetition, failure=str(failure)))
            return


def _measured(
    bench: Bench, running: Running, scenario: Scenario, name: str, options: argparse.Namespace
) -> Facts:
    if options.profile:
        bench.generator.beside = partial(profiled, file=RESULTS / f"profile-{name}.txt")
    try:
        return _undisturbed(partial(scenario.measure, bench, running), running.pids, options.patience)
    except Failed as failure:
        raise Failed(f"{failure}\nThe server's log ends:\n{running.process.log_tail(30)}") from None


def _shown(scenario: Scenario, facts: Facts) -> str:
    value = facts["value"]
    return report.CANNOT if value is None else f"{scenario.value.format(value)} {scenario.value.title}"


def _undisturbed(measure: Callable[[], Facts], pids: Pids, patience_s: float) -> Facts:
    """Measures when the machine is ours, and again when others have used it meanwhile; takes what it gets after
    `patience_s`."""
    deadline = time.monotonic() + patience_s
    while True:
        while time.monotonic() < deadline and machine.load_of_others() > DISTURBED_CORES:
            pass
        machine.wait_until_idle(pids)
        facts = measure()
        if facts.get("other_cores", 0.0) <= DISTURBED_CORES or time.monotonic() > deadline:
            return facts


def _chosen(all_of_them: Sequence[T], wanted: str, usual: frozenset[str] | None) -> list[T]:
    """Those that were asked for by key, else the usual ones (None: all)."""
    keys = frozenset(wanted.split(",")) if wanted else usual
    if keys and (unknown := keys - {each.key for each in all_of_them}):
        sys.exit(
            f"There is no {', '.join(sorted(unknown))}; there are {', '.join(each.key for each in all_of_them)}."
        )
    return [each for each in all_of_them if keys is None or each.key in keys]


def _cache() -> Path:
    """Where what is built and downloaded stays, outside the checkout."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "parley-bench"


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", default=bool(os.environ.get("QUICK")))
    parser.add_argument("--full", action="store_true", default=bool(os.environ.get("FULL")))
    parser.add_argument(
        "--asgi", action="store_true", help="ours, stock Channels and native ASGI, in one table"
    )
    parser.add_argument("--only", default="", help=f"scenarios: {', '.join(each.key for each in SCENARIOS)}")
    parser.add_argument("--peers", default="", help=f"servers: {', '.join(each.key for each in PEERS)}")
    parser.add_argument("--repetitions", type=int)
    parser.add_argument(
        "--patience",
        type=float,
        default=0,
        metavar="SECONDS",
        help="wait so long, before each measurement, for other programs to leave the machine alone",
    )
    parser.add_argument(
        "--profile",
        action="store_true",
        help="sample the servers, which must be in Python; makes them slower",
    )
    parser.add_argument("--write", action="store_true", help="put the tables into docs/benchmarks.md")
    parser.add_argument(
        "--page", nargs="+", metavar="FILE", help="write that from numbers of var/bench instead"
    )
    return parser.parse_args()


if __name__ == "__main__":
    main()
