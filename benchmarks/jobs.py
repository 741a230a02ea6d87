"""The path of one job: the engine alone, Studio, and the rival, in turn in every round."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from benchmarks.options import Options
from benchmarks.processes import cpu_s
from benchmarks.report import Budget, Figure, Part, median, say
from benchmarks.rival import PACKAGE, TOKEN, install, run_rival
from benchmarks.servers import KEY, run_studio
from benchmarks.workload import Client, EngineClient, V2Client

_ONE_BY_ONE: Final = 15
_BURST: Final = 60
_SETTLE_S: Final = 0.8
"""Longer than Studio waits before it removes what engines wrote: that work counts too."""


@dataclass(frozen=True, slots=True)
class Phase:
    """What one server did in one round."""

    job_ms: float
    jobs_per_s: float
    submits_per_s: float
    cpu_ms: float
    """Of the server's own process per job; of the engine's for the engine alone."""
    engine_cpu_ms: float
    burst_cpu_ms: float = 0.0
    """Of client, server and engine together per job of the row, until the last of it had ended."""


@dataclass(frozen=True, slots=True)
class Contender:
    """A server under test, and the process it runs in."""

    client: Client
    pid: int


def measure(options: Options) -> Part:
    """Run the rounds, with the rival when it can be installed."""
    installed = install()
    folder = options.folder("jobs")
    with contextlib.ExitStack() as stack:
        studio = stack.enter_context(run_studio(folder))
        engine_pid = studio.engine_pid
        contenders = [
            Contender(EngineClient(studio.engine_url), engine_pid),
            Contender(V2Client("Studio", studio.url, KEY), studio.pid),
        ]
        if installed is not None:
            rival = stack.enter_context(run_rival(installed, studio.engine_url, folder))
            contenders.append(Contender(V2Client(PACKAGE, rival.url, TOKEN), rival.pid))
        rounds = asyncio.run(
            _run(
                contenders,
                rounds=options.rounds,
                engine_pid=engine_pid,
                clean=lambda: empty(studio.output_dir),
            )
        )
        version = studio.engine_version()
    wrong = [contender.client.wrong for contender in contenders]
    remarks = [_alone(rounds, version)]
    remarks += [
        _room(contender.client.name, [phases[place] for phases in rounds], rounds)
        for place, contender in enumerate(contenders)
        if place
    ]
    if installed is not None:
        remarks.append(f"{PACKAGE} {installed.version}, without its --state-dir (its default)")
    raw: dict[str, Any] = {
        "engine": version,
        "rounds": [
            {
                contender.client.name: asdict(phase)
                for contender, phase in zip(contenders, phases, strict=True)
            }
            for phases in rounds
        ],
    }
    return Part("jobs", figures(rounds, wrong), remarks, raw)


def figures(rounds: Sequence[Sequence[Phase]], wrong: Sequence[int]) -> list[Figure]:
    """Medians over the rounds; differences and ratios are taken within each round.

    Args:
        rounds: in each the engine alone, Studio, and perhaps the rival.
        wrong: answers about live jobs that were wrong, in the same order.
    """
    has_rival = len(wrong) > 2

    def figure(
        name: str, value: Callable[[Phase, Phase], float], budget: Budget | None = None
    ) -> Figure:
        """``value`` is asked about a server's phase and the engine's of the same round."""
        values = [
            median(value(phases[place], phases[0]) for phases in rounds)
            for place in range(1, len(wrong))
        ]
        return Figure(name, values[0], values[1] if has_rival else None, PACKAGE, budget)

    return [
        figure(
            "latency added to a job, ms",
            lambda own, engine: own.job_ms - engine.job_ms,
            Budget("below_rival"),
        ),
        figure(
            "jobs/s, of the engine's own",
            lambda own, engine: own.jobs_per_s / engine.jobs_per_s,
            Budget("at_least", 0.95),
        ),
        figure(
            "submits/s, of the engine's own",
            lambda own, engine: own.submits_per_s / engine.submits_per_s,
            Budget("at_least", 0.95),
        ),
        figure("CPU of the server, ms a job", lambda own, _: own.cpu_ms, Budget("at_most", 1.2)),
        figure(
            "CPU of the engine, of that without a server",
            lambda own, engine: own.engine_cpu_ms / engine.engine_cpu_ms,
        ),
        Figure(
            "live jobs called expired or unknown",
            wrong[1],
            wrong[2] if has_rival else None,
            PACKAGE,
            Budget("at_most", 0),
        ),
    ]


def empty(folder: Path) -> None:
    """Remove what the engine saved: its save node lists the whole folder each time."""
    for path in folder.iterdir():
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


async def _run(
    contenders: Sequence[Contender],
    *,
    rounds: int,
    engine_pid: int,
    clean: Callable[[], None],
) -> list[list[Phase]]:
    for contender in contenders:
        await contender.client.open()
    done: list[list[Phase]] = []
    try:
        for number in range(rounds + 1):
            phases = []
            for contender in contenders:
                phases.append(await _phase(contender, engine_pid))
                clean()
            if number == 0:  # a warm-up
                for contender in contenders:
                    contender.client.wrong = 0
                continue
            done.append(phases)
            times = ", ".join(
                f"{contender.client.name} {phase.job_ms:.1f} ms {phase.jobs_per_s:.0f}/s"
                for contender, phase in zip(contenders, phases, strict=True)
            )
            say(f"  round {number} of {rounds}: {times}")
    finally:
        for contender in contenders:
            await contender.client.close()
    return done


async def _phase(contender: Contender, engine_pid: int) -> Phase:
    client = contender.client
    cpu_before, engine_before = cpu_s(contender.pid), cpu_s(engine_pid)
    waits = []
    for _ in range(_ONE_BY_ONE):
        started = time.perf_counter()
        await client.wait([await client.submit()])
        waits.append(1e3 * (time.perf_counter() - started))
    all_before = _all_cpu_s(contender.pid, engine_pid)
    started = time.perf_counter()
    ids = [await client.submit() for _ in range(_BURST)]
    submitted_s = time.perf_counter() - started
    await client.wait(ids)
    finished_s = time.perf_counter() - started
    burst_s = _all_cpu_s(contender.pid, engine_pid) - all_before
    await asyncio.sleep(_SETTLE_S)
    jobs = _ONE_BY_ONE + _BURST
    return Phase(
        job_ms=median(waits),
        jobs_per_s=_BURST / finished_s,
        submits_per_s=_BURST / submitted_s,
        cpu_ms=1e3 * (cpu_s(contender.pid) - cpu_before) / jobs,
        engine_cpu_ms=1e3 * (cpu_s(engine_pid) - engine_before) / jobs,
        burst_cpu_ms=1e3 * burst_s / _BURST,
    )


def _all_cpu_s(*pids: int) -> float:
    """Processor seconds of these processes, each counted once, and of this one, the client."""
    return time.process_time() + sum(cpu_s(pid) for pid in set(pids))


def _alone(rounds: Sequence[Sequence[Phase]], version: str) -> str:
    engine = [phases[0] for phases in rounds]
    return (
        f"{version} alone: {median(phase.job_ms for phase in engine):.1f} ms a job, "
        f"{median(phase.jobs_per_s for phase in engine):.0f} jobs/s, "
        f"{median(phase.submits_per_s for phase in engine):.0f} submits/s, "
        f"{median(phase.cpu_ms for phase in engine):.1f} ms CPU a job; {len(rounds)} rounds"
    )


def _room(name: str, own: Sequence[Phase], rounds: Sequence[Sequence[Phase]]) -> str:
    """What of the engine's own rate the machine's processors have room for."""
    cores = len(os.sched_getaffinity(0))
    share = median(
        cores * 1e3 / phase.burst_cpu_ms / phases[0].jobs_per_s
        for phase, phases in zip(own, rounds, strict=True)
    )
    return (
        f"{name}: a job in a row takes {median(phase.burst_cpu_ms for phase in own):.1f} ms CPU of "
        f"client, server and engine together; {cores} cores have room for {share:.2f} of the "
        "engine's own jobs/s"
    )
