"""One file from a server that misbehaves: every byte is right, or nothing is."""

from __future__ import annotations

import asyncio
import hashlib
import random
import ssl
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from studio.clients.transfer.records import Rules, Stopped
from studio.clients.transfer.throttle import Throttle
from studio.clients.transfer.transfer import Transfer
from studio.errors import (
    HashMismatch,
    NotAModel,
    SourceBusy,
    SourceError,
    SourceGone,
    SourceRefused,
    SourceStalled,
    SourceTooLarge,
    SourceUnreachable,
    StudioError,
)
from studio.net import Outbound
from studio.remote import RemoteFile
from studio.store.part_files import PartFile
from tests.fakes.origin import Asked, Origin
from tests.fakes.origin import origin as origin

CHUNK = 256 << 10
SIZE = 3_000_001
CONTENT = random.Random(7).randbytes(SIZE)
OTHER = random.Random(8).randbytes(SIZE)
QUICK = Rules(
    stall_s=0.6,
    head_s=0.6,
    tries=4,
    first_delay_s=0.01,
    longest_delay_s=0.02,
    longest_wait_s=2.0,
    sync_every_s=0.2,
)


class NoTokens:
    def headers(self, remote: RemoteFile, url: str) -> Mapping[str, str]:
        return {}

    def address(self, remote: RemoteFile, url: str) -> str:
        return url


@pytest.fixture
def part(tmp_path: Path) -> Iterator[PartFile]:
    made = PartFile(tmp_path / "one.part", chunk_bytes=CHUNK, reserve_bytes=0)
    made.open()
    yield made
    made.close()


def transfer(url: str, part: PartFile, rules: Rules = QUICK, **facts: object) -> Transfer:
    return Transfer(
        remote=RemoteFile(url, "model.safetensors", **facts),  # type: ignore[arg-type]
        part=part,
        outbound=Outbound(["127.0.0.0/8"]),
        tokens=NoTokens(),
        throttle=Throttle(),
        tls=ssl.create_default_context(),
        rules=rules,
        chance=random.Random(1),
    )


async def fetched(url: str, part: PartFile, rules: Rules = QUICK, **facts: object) -> bytes:
    async with asyncio.timeout(30):
        await asyncio.to_thread(transfer(url, part, rules, **facts).run)
    data = part.path.read_bytes()
    assert part.is_whole
    assert part.sha256 == hashlib.sha256(data).hexdigest()
    return data


@pytest.mark.parametrize(
    "behaviour",
    [
        {},
        {"has_etag": False, "has_date": True},
        {"weak_etag": True},
        {"has_etag": False},
        {"ranges": False},
        {"ranges": False, "chunked": True},
        {"ranges": False, "closes": True},
        {"honours_if_range": False},
        {"cut_after": 65_536},
        {"stretch_off": 1},
        {"stretch_size_off": 1},
        {"chunked": True},
    ],
    ids=str,
)
async def test_every_byte_comes_however_the_server_serves(
    origin: Origin, part: PartFile, behaviour: dict[str, object]
) -> None:
    origin.serve("m", CONTENT, **behaviour)
    assert await fetched(origin.url("m"), part) == CONTENT


async def test_stretches_come_side_by_side_each_under_the_condition_that_nothing_changed(
    origin: Origin, part: PartFile
) -> None:
    file = origin.serve("m", CONTENT, cut_after=200_000)
    await fetched(origin.url("m"), part)
    stretches = [asked for asked in origin.asked if asked.stretch != "bytes=0-0"]
    assert {asked.headers.get("if-range") for asked in stretches} == {file.etag}
    assert {asked.headers["accept-encoding"] for asked in origin.asked} == {"identity"}
    assert origin.most_open > 1


async def test_a_connection_that_is_cut_again_and_again_costs_no_byte_twice(
    origin: Origin, part: PartFile
) -> None:
    origin.serve("m", CONTENT, cut_after=65_536)
    assert await fetched(origin.url("m"), part, replace(QUICK, connections=1)) == CONTENT
    # Each connection may bring up to what was cut; nothing that was written is asked for again.
    starts = [asked.stretch for asked in origin.asked if asked.stretch != "bytes=0-0"]
    assert len(starts) == len(set(starts))
    assert origin.sent == SIZE + 1


@pytest.mark.parametrize("at", [2, 3, 5, 9])
async def test_content_that_changes_under_way_is_begun_anew(
    origin: Origin, part: PartFile, at: int
) -> None:
    origin.serve("m", CONTENT, swaps={at: OTHER})
    assert await fetched(origin.url("m"), part) == OTHER


@pytest.mark.parametrize("at", [3, 5])
async def test_a_server_that_ignores_the_condition_is_caught_by_its_tag(
    origin: Origin, part: PartFile, at: int
) -> None:
    origin.serve("m", CONTENT, swaps={at: OTHER}, ignores_if_range=True)
    assert await fetched(origin.url("m"), part) == OTHER


async def test_content_that_changes_without_an_end_is_given_up(
    origin: Origin, part: PartFile
) -> None:
    swaps = {number: random.Random(number).randbytes(SIZE) for number in range(2, 60)}
    origin.serve("m", CONTENT, swaps=swaps)
    with pytest.raises(SourceError, match="changes again and again"):
        await fetched(origin.url("m"), part, replace(QUICK, connections=1, restarts=3))
    assert not part.is_whole


@pytest.mark.parametrize(
    ("behaviour", "error"),
    [
        ({"refusals": [(401, {})] * 9}, SourceRefused),
        ({"refusals": [(403, {})] * 9}, SourceRefused),
        ({"refusals": [(404, {})] * 9}, SourceGone),
        ({"refusals": [(410, {})] * 9}, SourceGone),
        ({"refusals": [(451, {})] * 9}, SourceGone),
        ({"refusals": [(400, {})] * 9}, SourceError),
        ({"refusals": [(500, {})] * 99}, SourceError),
        ({"refusals": [(503, {})] * 99}, SourceBusy),
        ({"refusals": [(429, {"Retry-After": "3600"})] * 9}, SourceBusy),
        ({"encoding": "gzip"}, SourceError),
        ({"content_type": "text/html; charset=utf-8"}, NotAModel),
        ({"silent": True}, SourceStalled),
        ({"drip_s": 0.05}, SourceStalled),
        ({"ranges": False, "drip_s": 0.05}, SourceStalled),
        ({"ranges": False, "length_off": 10}, SourceError),
    ],
    ids=str,
)
async def test_what_cannot_be_had_says_why(
    origin: Origin, part: PartFile, behaviour: dict[str, object], error: type[StudioError]
) -> None:
    origin.serve("m", CONTENT, **behaviour)
    with pytest.raises(error) as caught:
        await fetched(origin.url("m"), part)
    assert type(caught.value) is error
    assert not part.is_whole


async def test_a_size_that_is_not_the_promised_one_is_refused_before_anything_is_fetched(
    origin: Origin, part: PartFile
) -> None:
    origin.serve("m", CONTENT)
    with pytest.raises(HashMismatch):
        await fetched(origin.url("m"), part, size_bytes=SIZE + 1)
    assert len(origin.asked) == 1


async def test_a_body_that_never_ends_is_ended(origin: Origin, part: PartFile) -> None:
    origin.serve("m", CONTENT, ranges=False, chunked=True, endless=True)
    with pytest.raises(SourceTooLarge):
        await fetched(origin.url("m"), part, replace(QUICK, largest_unknown_bytes=SIZE * 2))
    assert part.received <= SIZE * 2 + 1


async def test_a_server_that_wants_to_be_left_alone_for_long_is_asked_once_and_its_time_is_told(
    origin: Origin, part: PartFile
) -> None:
    origin.serve("m", CONTENT, refusals=[(429, {"Retry-After": "3600"})] * 9)
    with pytest.raises(SourceBusy) as refused:
        await fetched(origin.url("m"), part)
    assert refused.value.retry_after_s == 3600
    assert len(origin.asked) == 1


async def test_a_server_that_wants_a_moment_gets_it(origin: Origin, part: PartFile) -> None:
    origin.serve("m", CONTENT, refusals=[(429, {"Retry-After": "1"}), (503, {})])
    assert await fetched(origin.url("m"), part) == CONTENT


async def test_a_server_that_bears_one_connection_gets_one(origin: Origin, part: PartFile) -> None:
    def refuse(_: object) -> tuple[int, dict[str, str]] | None:
        return (429, {}) if origin.open > 1 else None

    origin.serve("m", CONTENT, refuse_if=refuse)
    assert await fetched(origin.url("m"), part) == CONTENT


async def test_an_address_that_expires_is_asked_for_anew(origin: Origin, part: PartFile) -> None:
    def lead(_: Asked) -> tuple[int, dict[str, str]]:
        return 302, {"Location": f"/signed?{'early' if len(origin.asked) < 6 else 'late'}"}

    def judge(asked: Asked) -> tuple[int, dict[str, str]] | None:
        has_expired = asked.path == "signed?early" and len(origin.asked) > 6
        return (403, {}) if has_expired else None

    origin.serve("m", b"", refuse_if=lead)
    origin.serve("signed", CONTENT, refuse_if=judge)
    assert await fetched(origin.url("m"), part, replace(QUICK, connections=2)) == CONTENT
    asked = [one.path for one in origin.asked]
    assert asked.count("m") == 2
    assert asked[-1] == "signed?late"


async def test_a_redirect_with_spaces_and_letters_of_its_own_is_followed(
    origin: Origin, part: PartFile
) -> None:
    origin.serve("m", b"", redirect="/caf\u00e9 au lait")
    origin.serve("caf%C3%A9%20au%20lait", CONTENT)
    assert await fetched(origin.url("m"), part) == CONTENT


async def test_a_token_that_expires_under_way_is_told_and_what_came_is_kept(
    origin: Origin, part: PartFile
) -> None:
    def judge(_: Asked) -> tuple[int, dict[str, str]] | None:
        return (401, {}) if len(origin.asked) > 5 else None

    origin.serve("m", CONTENT, refuse_if=judge)
    with pytest.raises(SourceRefused, match="token"):
        await fetched(origin.url("m"), part)
    assert 0 < part.received < SIZE


async def test_another_place_of_the_same_bytes_is_used_when_the_first_fails(
    origin: Origin, part: PartFile
) -> None:
    origin.serve("copy", CONTENT)
    digest = hashlib.sha256(CONTENT).hexdigest()
    url, mirrors = origin.url("gone"), (origin.url("copy"),)
    assert await fetched(url, part, sha256=digest, mirrors=mirrors) == CONTENT
    with pytest.raises(SourceGone):
        await fetched(url, part, mirrors=mirrors)


async def test_a_transfer_that_was_stopped_goes_on_where_it_was(
    origin: Origin, tmp_path: Path
) -> None:
    origin.serve("m", CONTENT, cut_plan=lambda: CHUNK // 2)
    first = PartFile(tmp_path / "one.part", chunk_bytes=CHUNK, reserve_bytes=0)
    first.open()
    running = transfer(origin.url("m"), first, replace(QUICK, connections=1, first_delay_s=0.05))
    task = asyncio.create_task(asyncio.to_thread(running.run))
    while first.received < SIZE // 3:  # noqa: ASYNC110 - a thread counts, and tells nobody
        await asyncio.sleep(0.005)
    running.stop()
    with pytest.raises(Stopped):
        await task
    kept = first.received
    first.close()
    again = PartFile(tmp_path / "one.part", chunk_bytes=CHUNK, reserve_bytes=0)
    again.open()
    assert again.received == kept
    sent = origin.sent
    assert await fetched(origin.url("m"), again) == CONTENT
    again.close()
    # Of each connection that was stopped, what was on its way; and the byte that asks.
    assert origin.sent - sent <= SIZE - kept + CHUNK


async def test_bytes_of_another_content_are_not_taken_up(origin: Origin, tmp_path: Path) -> None:
    path = tmp_path / "one.part"
    first = PartFile(path, chunk_bytes=CHUNK, reserve_bytes=0)
    first.open()
    first.begin('"other"', SIZE)
    claim = first.claim()
    assert claim is not None
    first.write(claim, memoryview(OTHER[:CHUNK]))
    first.sync()
    first.close()
    again = PartFile(path, chunk_bytes=CHUNK, reserve_bytes=0)
    again.open()
    assert again.received == CHUNK
    origin.serve("m", CONTENT)
    assert await fetched(origin.url("m"), again) == CONTENT
    again.close()


async def test_a_host_that_refuses_the_connection_is_told_after_the_second_try(
    part: PartFile,
) -> None:
    pauses: list[float] = []
    made = transfer("http://127.0.0.1:1/m", part, Rules(first_delay_s=0.01, tries=1_000))
    made._crew.pause = pauses.append  # type: ignore[method-assign,assignment]
    with pytest.raises(SourceUnreachable):
        await asyncio.to_thread(made.run)
    assert len(pauses) == 1
