"""The live feed: what is kept, who is let go, and that it sleeps while nobody reads."""

from __future__ import annotations

import asyncio

import pytest

from studio.errors import TooManyStreams
from studio.models import ROLE_SCOPES, Identity, Preview, Role
from studio.services.feed import (
    MAX_BATCH,
    MAX_KEPT,
    MAX_READERS,
    MAX_WAITING,
    MAX_WAITING_BYTES,
    Ending,
    Feed,
    Reader,
)
from studio.services.news import Frame, JobPreview, News, Topic

OWNER = Identity("owner", Role.OWNER, ROLE_SCOPES[Role.OWNER])
JOBS = {Topic.JOBS}


class Source:
    def __init__(self) -> None:
        self.said: list[str] = []

    def wake(self) -> None:
        self.said.append("wake")

    def sleep(self) -> None:
        self.said.append("sleep")


def show(news: News) -> Frame:
    if isinstance(news.data, JobPreview):
        return news.data.preview.data
    return f"{news.number} {news.event}".encode()


def reader_of(feed: Feed, *topics: Topic) -> Reader:
    reader = Reader(OWNER, kind="owner", render=show)
    reader.topics |= set(topics)
    feed.enter(reader)
    return reader


def open_feed(linger_s: float = 60.0) -> Feed:
    return Feed(is_live=lambda _: True, linger_s=linger_s)


async def take(reader: Reader, count: int) -> list[str]:
    """What the reader is sent, which must be that many frames."""
    frames: list[Frame] = []
    while len(frames) < count:
        frames += await asyncio.wait_for(reader.next(), 5)
    assert len(frames) == count
    return [frame.decode() for frame in frames]


def ending_of(reader: Reader) -> Ending | None:
    return reader.ending


async def is_silent(reader: Reader) -> bool:
    try:
        await asyncio.wait_for(reader.next(), 0.05)
    except TimeoutError:
        return True
    return False


def tell(feed: Feed, *events: str) -> None:
    for event in events:
        feed.tell(Topic.JOBS, event, {})


async def test_news_come_in_order_with_growing_numbers() -> None:
    feed = open_feed()
    reader = reader_of(feed, Topic.JOBS)
    tell(feed, "a", "b")
    feed.tell(Topic.QUEUE, "not asked for", {})
    tell(feed, "c")
    assert await take(reader, 3) == ["1 a", "2 b", "4 c"]
    assert await is_silent(reader)


async def test_a_reader_that_returns_gets_what_it_missed_once() -> None:
    feed = open_feed()
    tell(feed, "a", "b", "c")
    reader = reader_of(feed)
    assert feed.resume(reader, JOBS, 1)
    tell(feed, "d")
    assert await take(reader, 3) == ["2 b", "3 c", "4 d"]
    assert await is_silent(reader)


async def test_of_a_state_only_the_latest_is_told_later() -> None:
    feed = open_feed()
    for event in ("old", "new"):
        feed.tell_state("one", Topic.JOBS, event, {})
    feed.tell_state("two", Topic.JOBS, "gone", {})
    feed.forget("two")
    tell(feed, "fact")
    reader = reader_of(feed)
    assert feed.resume(reader, JOBS, 0)
    assert await take(reader, 2) == ["2 new", "4 fact"]
    assert await is_silent(reader)


@pytest.mark.parametrize(("after", "known"), [(-1, False), (0, False), (1, True), (4097, True)])
async def test_what_is_no_longer_kept_cannot_be_told(after: int, known: bool) -> None:
    feed = open_feed()
    tell(feed, *("x" for _ in range(MAX_KEPT + 1)))
    assert feed.last == 4097
    reader = reader_of(feed)
    assert feed.resume(reader, JOBS, after) is known
    assert reader.topics == (JOBS if known else set())
    assert not feed.resume(reader, JOBS, feed.last + 1)


async def test_a_reader_that_missed_more_than_may_wait_is_still_told_all_of_it() -> None:
    feed = open_feed()
    tell(feed, *("x" for _ in range(3 * MAX_WAITING)))
    reader = reader_of(feed)
    assert feed.resume(reader, JOBS, 0)
    tell(feed, "live")
    frames = await take(reader, 3 * MAX_WAITING + 1)
    assert frames[0] == "1 x"
    assert frames[-1] == f"{3 * MAX_WAITING + 1} live"
    assert ending_of(reader) is None


async def test_a_reader_is_told_only_once_what_it_missed() -> None:
    feed = open_feed()
    tell(feed, "a", "b")
    reader = reader_of(feed)
    assert feed.resume(reader, JOBS, 0)
    assert not feed.resume(reader, {Topic.QUEUE}, 0)
    assert reader.topics == JOBS
    assert await take(reader, 2) == ["1 a", "2 b"]
    assert not feed.resume(reader, JOBS, 0)
    assert await is_silent(reader)


async def test_others_have_their_turn_while_one_is_told_what_it_missed() -> None:
    feed = open_feed()
    tell(feed, *("x" * MAX_BATCH for _ in range(3)))
    reader = reader_of(feed)
    assert feed.resume(reader, JOBS, 0)
    turns: list[int] = []

    async def other() -> None:
        while len(turns) < 3:
            turns.append(len(turns))
            await asyncio.sleep(0)

    task = asyncio.create_task(other())
    for number in range(3):
        assert len(await reader.next()) == 1
        assert len(turns) > number
    await task


async def test_the_257th_waiting_message_ends_a_reader_and_frees_what_waited() -> None:
    feed = open_feed()
    slow, quick = reader_of(feed, Topic.JOBS), reader_of(feed, Topic.JOBS)
    for number in range(MAX_WAITING):
        tell(feed, "x")
        assert await take(quick, 1) == [f"{number + 1} x"]
    assert ending_of(slow) is None
    tell(feed, "y")
    assert ending_of(slow) is Ending.SLOW
    assert slow.ended.is_set()
    assert await is_silent(slow)
    tell(feed, "z")
    assert await take(quick, 2) == ["257 y", "258 z"]


async def test_more_than_four_mebibytes_that_wait_end_a_reader_and_one_large_frame_does_not() -> (
    None
):
    feed = open_feed()
    reader = reader_of(feed)
    reader.push(b"x" * (2 * MAX_WAITING_BYTES))
    assert [len(frame) for frame in await reader.next()] == [2 * MAX_WAITING_BYTES]
    for _ in range(4):
        reader.push(b"x" * (MAX_WAITING_BYTES // 4))
    assert ending_of(reader) is None
    reader.push(b"x")
    assert ending_of(reader) is Ending.SLOW
    assert await is_silent(reader)


async def test_a_reader_is_drained_once_all_was_taken_whatever_previews_wait() -> None:
    feed = open_feed()
    reader = reader_of(feed, Topic.JOBS, Topic.PREVIEWS)
    reader.push(b"x" * MAX_BATCH)
    drained = asyncio.create_task(reader.drained())
    feed.show(JobPreview("job", Preview("1", "image/png", b"seen")), user_id="owner")
    await asyncio.sleep(0)
    assert not drained.done()
    assert await take(reader, 1) == ["x" * MAX_BATCH]
    await asyncio.wait_for(drained, 5)
    assert await take(reader, 1) == ["seen"]


async def test_only_the_latest_preview_of_a_job_waits_and_news_go_first() -> None:
    feed = open_feed()
    reader = reader_of(feed, Topic.JOBS, Topic.PREVIEWS)
    for number in range(1000):
        preview = Preview("1", "image/png", str(number).encode())
        feed.show(JobPreview(f"job {number % 2}", preview), user_id="owner")
    tell(feed, "a")
    assert await take(reader, 3) == ["1 a", "998", "999"]
    assert await is_silent(reader)


async def test_readers_of_one_kind_share_one_rendering() -> None:
    feed = open_feed()
    rendered = []

    def render(news: News) -> Frame:
        rendered.append(news)
        return str(news.number).encode()

    readers = [Reader(OWNER, kind=number % 2, render=render) for number in range(10)]
    for reader in readers:
        reader.topics |= JOBS
        feed.enter(reader)
    tell(feed, "a")
    assert [await take(reader, 1) for reader in readers] == [["1"]] * 10
    assert len(rendered) == 2


async def test_sources_work_only_while_somebody_reads_and_a_little_longer() -> None:
    feed = open_feed(linger_s=0.05)
    source = Source()
    feed.connect(source)
    first, second = reader_of(feed), reader_of(feed)
    assert source.said == ["wake"]
    feed.leave(first)
    feed.leave(second)
    back = reader_of(feed)
    await asyncio.sleep(0.1)
    assert source.said == ["wake"]
    feed.leave(back)
    await asyncio.sleep(0.1)
    assert source.said == ["wake", "sleep"]
    reader_of(feed)
    assert source.said == ["wake", "sleep", "wake"]


async def test_after_its_sleep_the_feed_knows_nothing_of_before() -> None:
    feed = open_feed(linger_s=0.0)
    first = reader_of(feed, Topic.JOBS)
    tell(feed, "a")
    last = feed.last
    feed.leave(first)
    await asyncio.sleep(0.02)
    reader = reader_of(feed)
    assert not feed.resume(reader, JOBS, last)
    assert feed.resume(reader, JOBS, feed.last)
    assert await is_silent(reader)


async def test_whoever_may_no_longer_read_is_found_within_a_minute() -> None:
    allowed = {"owner"}
    feed = Feed(is_live=lambda identity: identity.user_id in allowed, recheck_s=0.01)
    reader = reader_of(feed)
    watching = asyncio.create_task(feed.watch())
    await asyncio.sleep(0.05)
    assert ending_of(reader) is None
    allowed.clear()
    await asyncio.wait_for(reader.ended.wait(), 5)
    assert ending_of(reader) is Ending.SESSION
    watching.cancel()


async def test_there_are_at_most_a_thousand_readers() -> None:
    feed = open_feed()
    readers = [reader_of(feed) for _ in range(MAX_READERS)]
    with pytest.raises(TooManyStreams):
        reader_of(feed)
    feed.leave(readers[0])
    assert reader_of(feed).ending is None
    assert feed.readers == MAX_READERS


async def test_one_user_has_a_share_of_the_places_and_not_all() -> None:
    def guest(user_id: str) -> Reader:
        identity = Identity(user_id, Role.GUEST, ROLE_SCOPES[Role.GUEST])
        return Reader(identity, kind=user_id, render=show)

    feed = open_feed()
    readers = [guest("anna") for _ in range(2)]
    for reader in readers:
        feed.enter(reader, per_user=2)
    with pytest.raises(TooManyStreams):
        feed.enter(guest("anna"), per_user=2)
    feed.enter(guest("ben"), per_user=2)
    feed.leave(readers[0])
    feed.enter(guest("anna"), per_user=2)
    assert feed.readers == 3
