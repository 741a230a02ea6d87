"""Many people who log in at once: how long they wait, and what those inside notice of it."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any, Final

import httpx

from benchmarks.events import ok
from benchmarks.options import Options
from benchmarks.processes import peak_mib, reset_peak
from benchmarks.report import Figure, Part, median, percentile
from benchmarks.servers import KEY, RunningStudio, authorization, run_studio

PEOPLE: Final = 50
_PASSWORD: Final = "password-of-the-bench"  # noqa: S105
_BESIDE: Final = "/api/jobs?limit=20"
_CALM_S: Final = 2.0


@dataclass(frozen=True)
class _Login:
    """One person's way in; ``put_off`` is how often the throttle asked to come later."""

    taken_ms: float
    put_off: int


def measure(options: Options) -> Part:
    """Let 50 people in at once while somebody inside looks at the list of jobs."""
    rounds = 1 if options.quick else 3
    # The proxy on this machine is believed: each person has an address of their own.
    proxies = {"STUDIO_TRUSTED_PROXIES": "127.0.0.1"}
    with run_studio(options.folder("logins"), **proxies) as studio:
        body = {"api_key": KEY, "password": _PASSWORD}
        httpx.post(f"{studio.url}/api/setup", json=body, timeout=60).raise_for_status()
        alone = asyncio.run(_one_by_one(studio, 3 * rounds))
        calm = asyncio.run(_look_around(studio))
        reset_peak(studio.pid)
        before_mib = peak_mib(studio.pid)
        found = [asyncio.run(_all_at_once(studio, number)) for number in range(rounds)]
        grown_mib = peak_mib(studio.pid) - before_mib
    logins = [one for entered, _ in found for one in entered]
    taken = [one.taken_ms for one in logins]
    beside = [ms for _, looks in found for ms in looks]
    figures = [
        Figure("one login alone, median, ms", median(alone)),
        Figure(f"{PEOPLE} logins at once, median, ms", median(taken)),
        Figure(f"{PEOPLE} logins at once, p95, ms", percentile(taken, 95)),
        Figure("list of jobs before them, median, ms", median(calm)),
        Figure("list of jobs beside them, median, ms", median(beside)),
        Figure("list of jobs beside them, p95, ms", percentile(beside, 95)),
        Figure(f"memory that {PEOPLE} logins at once add, MiB", grown_mib),
    ]
    put_off = sum(one.put_off > 0 for one in logins)
    remark = (
        f"{put_off} of {len(logins)} logins were put off by the limit for everybody and came "
        "again when they were told to; their times hold that wait."
    )
    raw = {"alone_ms": alone, "login_ms": taken, "calm_ms": calm, "beside_ms": beside}
    return Part("logins", figures, [remark], raw)


async def _one_by_one(studio: RunningStudio, times: int) -> list[float]:
    async with _client(studio) as client:
        return [(await _log_in(client, "198.51.100.1")).taken_ms for _ in range(times)]


async def _look_around(studio: RunningStudio) -> list[float]:
    async with _client(studio) as client:
        looking = asyncio.create_task(asyncio.sleep(_CALM_S))
        return await _look_until(client, looking)


async def _all_at_once(studio: RunningStudio, number: int) -> tuple[list[_Login], list[float]]:
    async with _client(studio) as people, _client(studio) as inside:
        addresses = [f"192.0.{number}.{person + 1}" for person in range(PEOPLE)]
        entering = asyncio.gather(*(_log_in(people, address) for address in addresses))
        looks = await _look_until(inside, entering)
        return await entering, looks


async def _look_until(client: httpx.AsyncClient, end: asyncio.Future[Any]) -> list[float]:
    """How long the list of jobs took, one after another, until ``end``."""
    taken = []
    while not end.done():
        started = time.perf_counter()
        await ok(client.get(_BESIDE, headers=authorization(KEY)))
        taken.append(1e3 * (time.perf_counter() - started))
        await asyncio.sleep(0.01)
    return taken


async def _log_in(client: httpx.AsyncClient, address: str) -> _Login:
    """Log in as somebody at ``address``, and come again whenever Studio says so."""
    started, put_off = time.perf_counter(), 0
    body, headers = {"password": _PASSWORD}, {"X-Forwarded-For": address}
    while True:
        answer = await client.post("/api/session", json=body, headers=headers)
        if answer.status_code != httpx.codes.TOO_MANY_REQUESTS:
            answer.raise_for_status()
            return _Login(1e3 * (time.perf_counter() - started), put_off)
        put_off += 1
        await asyncio.sleep(int(answer.headers["retry-after"]))


def _client(studio: RunningStudio) -> httpx.AsyncClient:
    limits = httpx.Limits(max_connections=PEOPLE)
    # Everybody is somebody else: nobody keeps another's cookie.
    cookies = CookieJar(DefaultCookiePolicy(allowed_domains=[]))
    return httpx.AsyncClient(base_url=studio.url, timeout=180, limits=limits, cookies=cookies)
