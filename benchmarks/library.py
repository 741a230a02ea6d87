"""A library of fifty thousand files of ten thousand jobs: pages, search, filters."""

from __future__ import annotations

import asyncio
import time
from typing import Final

import httpx

from benchmarks.options import Options
from benchmarks.processes import cpu_s
from benchmarks.report import Budget, Figure, Part, median, percentile, say
from benchmarks.seeding import COMMON_WORD, RARE_WORD, seed_history
from benchmarks.servers import run_studio
from benchmarks.timing import request_ms

_TIMES: Final = 30
_CPU_TIMES: Final = 100
_OUTPUTS: Final = 5
_INDEX_S: Final = 600.0
_RATED: Final = 5_000


def measure(options: Options) -> Part:
    """Let a Studio find what is there, then ask it for pages."""
    jobs = 1_000 if options.quick else 10_000
    count = jobs * _OUTPUTS
    folder = options.folder("library")
    say(f"  writing {jobs:,} jobs with {count:,} files")
    asyncio.run(seed_history(folder, jobs, outputs=_OUTPUTS))
    with run_studio(folder) as studio, studio.client() as client:
        started = time.perf_counter()
        _await_index(client, count)
        indexing_s = time.perf_counter() - started
        _judge(client, count)
        raw: dict[str, list[float]] = {}

        def page_ms(query: str) -> float:
            raw[query] = request_ms(client, f"/api/library?{query}", times=_TIMES)
            return median(raw[query])

        def changed_ms(query: str) -> float:
            """Each time something was written before, so that nothing is known from before."""
            raw[f"{query}, changed"] = taken = []
            item = client.get("/api/library?limit=1").json()["items"][0]["id"]
            for number in range(_TIMES):
                change = {"rating": number % 6}
                client.patch(f"/api/library/{item}", json=change).raise_for_status()
                began = time.perf_counter()
                client.get(f"/api/library?{query}").raise_for_status()
                taken.append(1e3 * (time.perf_counter() - began))
            return median(taken)

        def cpu_ms(query: str) -> float:
            before = cpu_s(studio.pid)
            request_ms(client, f"/api/library?{query}", times=_CPU_TIMES)
            return 1e3 * (cpu_s(studio.pid) - before) / _CPU_TIMES

        page, search = Budget("at_most", 50), Budget("at_most", 100)
        figures = [
            Figure(f"first page of {count:,} files, ms", page_ms(""), budget=page),
            Figure("first page after a change, ms", changed_ms(""), budget=page),
            Figure("page of 100 in the middle, ms", page_ms(f"start={count // 2}"), budget=page),
            Figure("last page, ms", page_ms(f"start={count - 100}"), budget=page),
            Figure("page of 500, ms", page_ms("limit=500")),
            Figure("by rating, ms", page_ms("sort=rating"), budget=page),
            Figure("favourites with 4 stars, ms", page_ms("favourite=1&rating=4"), budget=page),
            Figure("of one model, ms", page_ms("model=model-3.safetensors"), budget=page),
            Figure("search, a word of each prompt, ms", page_ms(f"q={COMMON_WORD}"), budget=search),
            Figure("the same after a change, ms", changed_ms(f"q={COMMON_WORD}"), budget=search),
            Figure("search, a word of 1 in 500, ms", page_ms(f"q={RARE_WORD}"), budget=search),
            Figure("search, two words, ms", page_ms(f"q={COMMON_WORD}+word3"), budget=search),
            Figure("search that finds nothing, ms", page_ms("q=zebra"), budget=search),
            Figure("CPU of a page in the middle, ms", cpu_ms(f"start={count // 2}")),
            Figure("CPU of a search, ms", cpu_ms(f"q={COMMON_WORD}")),
            Figure("facets, ms", median(request_ms(client, "/api/library/facets", times=_TIMES))),
            Figure(f"finding {count:,} files after the start, s", indexing_s),
        ]
    slowest = max(percentile(times, 95) for times in raw.values())
    return Part("library", figures, [f"The slowest 95th percentile is {slowest:.0f} ms."], raw)


def _await_index(client: httpx.Client, count: int) -> None:
    deadline = time.monotonic() + _INDEX_S
    while client.get("/api/library?limit=1").json()["total"] < count:
        if time.monotonic() > deadline:
            raise RuntimeError("the library was not brought up to date in time")
        time.sleep(0.2)


def _judge(client: httpx.Client, count: int) -> None:
    """Give some thousand files stars, and make some of those favourites."""
    for start in range(0, min(count, _RATED), 500):
        items = client.get(f"/api/library?start={start}&limit=500").json()["items"]
        ids = [item["id"] for item in items]
        stars = start // 500 % 5 + 1
        for body in (
            {"ids": ids, "action": "rate", "value": stars},
            {"ids": ids[::10], "action": "favourite"},
        ):
            client.post("/api/library/actions", json=body).raise_for_status()
