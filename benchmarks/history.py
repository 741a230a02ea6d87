"""A history of fifty thousand jobs with their outputs: pages and search."""

from __future__ import annotations

import asyncio
from typing import Final

from benchmarks.options import Options
from benchmarks.report import Budget, Figure, Part, median, say
from benchmarks.seeding import COMMON_WORD, RARE_WORD, seed_history
from benchmarks.servers import run_studio
from benchmarks.timing import request_ms

_TIMES: Final = 30


def measure(options: Options) -> Part:
    """Write the history into a database file, then ask a Studio that starts with it."""
    count = 5_000 if options.quick else 50_000
    folder = options.folder("history")
    say(f"  writing {count:,} jobs")
    asyncio.run(seed_history(folder, count))
    with run_studio(folder) as studio, studio.client() as client:

        def page_ms(query: str) -> float:
            return median(request_ms(client, f"/api/jobs?{query}", times=_TIMES))

        middle = count // 2
        page, search = Budget("at_most", 50), Budget("at_most", 100)
        figures = [
            Figure(f"first page of {count:,} jobs, ms", page_ms("limit=50"), budget=page),
            Figure("page in the middle, ms", page_ms(f"cursor={middle}"), budget=page),
            Figure("search, a word of each prompt, ms", page_ms(f"q={COMMON_WORD}"), budget=search),
            Figure("search, a word of 1 in 500, ms", page_ms(f"q={RARE_WORD}"), budget=search),
            Figure("search, two words, ms", page_ms(f"q={COMMON_WORD}+word3"), budget=search),
            Figure("search that finds nothing, ms", page_ms("q=zebra"), budget=search),
        ]
        restart_s = studio.restart()
        figures.append(Figure(f"start to /ready with {count:,} jobs, s", restart_s))
    return Part("history", figures)
