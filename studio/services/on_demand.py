"""Models that a graph names by where they are: fetched before the job is sent.

A job that waits for one keeps its place in its line, and the dispatcher passes it.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Final

from studio.errors import StudioError
from studio.models import Awaited, Job, JobError, Progress
from studio.remote import CACHE, Wish
from studio.services.download_credentials import Credential, credentials_of
from studio.services.download_line import DownloadView
from studio.services.engines import EngineService
from studio.services.fetch_plans import FetchMeans, FetchPlanner, revealed
from studio.services.fetch_words import awaited, message_of
from studio.services.fetches import Fetch, fetches_of
from studio.services.finisher import Finisher
from studio.services.media_inputs import MediaFetch, MediaInputs, missing_media, with_media
from studio.services.queue import JobQueue, LiveJob
from studio.store.downloads import DownloadState
from studio.store.jobs import JobStore
from studio.store.model_cache import Place

log = logging.getLogger(__name__)

_PRIORITY: Final = 10
"""Somebody waits for these; what is only to be there some day comes after them."""
_LOOK_S: Final = 0.5
_LOOKS_AT_LISTS: Final = 2


class CannotBring(Exception):
    """A model cannot be had: the job ends with that."""

    def __init__(self, error: JobError) -> None:
        super().__init__(error.message)
        self.error = error


class OnDemand:
    """Brings what jobs wait for.

    Args:
        wake: asks the dispatcher to look at the queue.
    """

    def __init__(
        self,
        *,
        queue: JobQueue,
        engines: EngineService,
        means: FetchMeans,
        media: MediaInputs,
        jobs: JobStore,
        finisher: Finisher,
        wake: Callable[[], None],
    ) -> None:
        self._queue = queue
        self._engines = engines
        self._downloads = means.downloads
        self._cache = means.cache
        self._means = means
        self.planner = FetchPlanner(engines, means)
        self.media = media
        self._jobs = jobs
        self._finisher = finisher
        self._wake = wake
        self._tasks: dict[str, asyncio.Task[None]] = {}
        # Whoever wants a file must not be given a download that is just being let go.
        self._choosing = asyncio.Lock()
        self._cache.keep(self._needed)

    # -- when a job is accepted, and before it is sent ------------------------------------------

    async def is_ready(self, job: Job) -> bool:
        """Whether nothing has to be fetched for a job."""
        if missing_media(job):
            return False
        return all([await self._cache.has(fetch.place) for fetch in fetches_of(job)])

    async def take_up(self, job: Job) -> bool:
        """``is_ready`` of a job that is sent now, which is when what it names is used."""
        is_ready = await self.is_ready(job)
        if is_ready:
            await self._cache.use(fetch.place for fetch in fetches_of(job))
        return is_ready

    # -- while it waits ------------------------------------------------------------------------

    def hold(self, live: LiveJob) -> None:
        """Keep a queued job from being sent until what it names is there."""
        lacks = fetches_of(live.job) or missing_media(live.job)
        if lacks and live.job.id not in self._tasks:
            live.held = True
            task = asyncio.create_task(self._serve(live), name=f"models of job {live.job.id}")
            self._tasks[live.job.id] = task

    async def adopt(self, live: LiveJob) -> None:
        """``hold`` after a start: downloads that go on get what they need before they do."""
        for fetch in fetches_of(live.job):
            # What is lost is said by the job itself, should it turn out to be needed.
            with contextlib.suppress(CannotBring, StudioError):
                await self._lend(fetch, live)
        self.hold(live)

    async def tidy(self) -> None:
        """After a start, once the unfinished jobs are known: end what nobody waits for."""
        for view in await self._downloads.list(ended=0):
            if view.row.root == CACHE and view.row.name is not None:
                await self._let_go((view.row.folder, view.row.name))

    async def stop(self) -> None:
        """Wait no longer; downloads go on with the next start."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._means.media.close()

    async def _serve(self, live: LiveJob) -> None:
        fetches = {fetch.place: fetch for fetch in fetches_of(live.job)}
        try:
            await self._bring_media(live)
            await self._bring(live, fetches)
            await self._await_lists(live)
        except CannotBring as failure:
            await self._fail(live, failure.error)
        except StudioError as error:
            await self._fail(live, JobError(error.code, error.message, details=error.details))
        except Exception:
            # The last resort of a waiting job: it never waits for something that will not come.
            log.exception("job %s: its models cannot be brought", live.job.id)
            await self._fail(live, JobError("internal_error", "Studio failed; see its log."))
        finally:
            del self._tasks[live.job.id]
        if self._is_wanted(live):
            live.held = False
            live.progress = None
            live.announce(self._queue.position(live))
            self._wake()
        else:
            for place in fetches:
                await self._let_go(place)

    async def _fail(self, live: LiveJob, error: JobError) -> None:
        # One that is just being ended is left to whoever does that; should the disk refuse, it is
        # sent, found to lack something, and comes back here.
        if self._is_wanted(live) and not live.closing:
            self._queue.claim(live)
            await self._finisher.fail(live, error)

    async def _bring_media(self, live: LiveJob) -> None:
        """Have every file that is named by its address among the user's own."""
        for fetch in missing_media(live.job):
            self._say(live, Awaited("fetching", fetch.title))
            credential = await self._credential(fetch, live)
            bringing = asyncio.create_task(
                self.media.bring(live.job.user_id, fetch, credential),
                name=f"input of {live.job.id}",
            )
            try:
                while not bringing.done() and self._is_wanted(live):
                    await asyncio.wait([bringing], timeout=_LOOK_S)
                if not bringing.done():
                    return
                asset = bringing.result()
            except StudioError as error:
                message = f"{fetch.title}: {error.message}"
                failure = JobError(error.code, message, fetch.node_id, details=error.details)
                raise CannotBring(failure) from error
            finally:
                bringing.cancel()
            job = live.update(extra=with_media(live.job, {fetch: asset}))
            await self._jobs.add_inputs(job, [asset.id])

    async def _bring(self, live: LiveJob, fetches: Mapping[Place, Fetch]) -> None:
        """Have every file in the cache, or raise why one cannot be had."""
        missing = [place for place in fetches if not await self._cache.has(place)]
        ids = {place: await self._want(fetches[place], live) for place in missing}
        while ids and self._is_wanted(live):
            views = {place: await self._downloads.get(ids[place]) for place in ids}
            for place, view in views.items():
                if view.row.state.has_ended:
                    del ids[place]
                    if await self._is_to_be_tried_again(fetches[place], view):
                        ids[place] = await self._want(fetches[place], live)
            going = [place for place in ids if not views[place].row.state.has_ended]
            if going:
                self._tell(live, [(fetches[place].title, views[place]) for place in going])
                await self._cache.make_room(sum(_size(views[place]) for place in going))
            await self._wait_for_news(list(ids.values()))

    async def _is_to_be_tried_again(self, fetch: Fetch, view: DownloadView) -> bool:
        """Take what a download has brought, or raise why it brought nothing."""
        state, error = view.row.state, view.row.error
        self._means.lent.withdraw(fetch.place)
        if state is DownloadState.DONE and await self._cache.take(fetch.place):
            return False
        if state is DownloadState.FAILED and error is not None:
            if error.code == "disk_full" and await self._cache.give_back(_size(view) or 1):
                return True
            raise CannotBring(
                JobError(
                    error.code,
                    f"{fetch.title}: {error.message}",
                    node_id=fetch.node_id,
                    details=error.details,
                )
            )
        raise CannotBring(
            JobError(
                "download_canceled",
                f"{fetch.title}: somebody ended the download.",
                node_id=fetch.node_id,
            )
        )

    async def _wait_for_news(self, ids: Sequence[str]) -> None:
        """Until one of them has ended, or it is time to tell how far they are."""
        if not ids:
            return
        ends = [asyncio.create_task(self._downloads.wait(download_id)) for download_id in ids]
        try:
            await asyncio.wait(ends, timeout=_LOOK_S, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for end in ends:
                end.cancel()
            await asyncio.gather(*ends, return_exceptions=True)

    def _tell(self, live: LiveJob, going: Sequence[tuple[str, DownloadView]]) -> None:
        self._say(live, awaited(going))

    def _say(self, live: LiveJob, what: Awaited) -> None:
        if live.progress is None or live.progress.awaited != what:
            live.progress = Progress(0.0, 0, 0, message=message_of(what), awaited=what)
            for watcher in live.watchers:
                watcher.show_progress(live.progress)

    async def _await_lists(self, live: LiveJob) -> None:
        """Until an engine lists what came; one that is not ready reads its lists when it is."""
        looks = 0
        engines = self._engines.engines
        while self._is_wanted(live) and not any(e.can_run(live.job) for e in engines.values()):
            if not all(engine.ready for engine in engines.values()):
                return
            if await self._engines.refresh():
                looks += 1
            elif looks >= _LOOKS_AT_LISTS:
                raise CannotBring(
                    JobError(
                        "model_not_listed",
                        "No engine lists what was fetched: CACHE_DIR must be a folder that it "
                        "looks for models in.",
                    )
                )
            else:
                await asyncio.sleep(_LOOK_S)

    # -- who needs what --------------------------------------------------------------------------

    def _is_wanted(self, live: LiveJob) -> bool:
        return self._queue.live.get(live.job.id) is live

    def _needed(self) -> set[Place]:
        """What unfinished jobs name."""
        return {fetch.place for live in self._queue.live.values() for fetch in fetches_of(live.job)}

    async def _want(self, fetch: Fetch, live: LiveJob) -> str:
        wish = Wish(
            reference=fetch.reference,
            folder=fetch.folder,
            name=fetch.name,
            root=CACHE,
            priority=_PRIORITY,
            # Whatever lies there under its name and is not known is of no use to anybody.
            replace=True,
        )
        async with self._choosing:
            await self._lend(fetch, live)
            return (await self._downloads.add(wish, by=live.job.user_id)).id

    async def _lend(self, fetch: Fetch, live: LiveJob) -> None:
        """Let the download have the credentials that its job came with."""
        if (known := await self._credential(fetch, live)) is not None:
            self._means.lent.lend(fetch.place, known)

    async def _credential(self, fetch: Fetch | MediaFetch, live: LiveJob) -> Credential | None:
        """What the job came with for a file."""
        if fetch.credential is None:
            return None
        known = credentials_of(live.job.extra)[fetch.credential]
        given = live.download_credentials.get(fetch.credential)
        known = await revealed(self._means.secrets, live.job.user_id, replace(known, value=given))
        if known.value is None:
            raise CannotBring(
                JobError(
                    "credentials_lost",
                    f"The credentials for {fetch.title} lived in memory only and Studio was "
                    "restarted. Submit the job again, or store a named secret.",
                    node_id=fetch.node_id,
                )
            )
        return known

    async def _let_go(self, place: Place) -> None:
        """End the download of what no job waits for any more."""
        async with self._choosing:
            if place in self._needed():
                return
            self._means.lent.withdraw(place)
            for view in await self._downloads.list(ended=0):
                if view.row.place == (CACHE, *place):
                    with contextlib.suppress(StudioError):
                        await self._downloads.cancel(view.row.id)


def _size(view: DownloadView) -> int:
    return view.progress.size or 0
