"""How far runs are: each shows it in one message that is edited, and ends with what came out."""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from studio.bot.lanes import AT_ONCE, Lanes
from studio.bot.quiet import Quiet
from studio.bot.words import say, why
from studio.clock import Clock
from studio.errors import NotFound, StudioError
from studio.models import Asset, JobStatus, Preview
from studio.services.jobs import JobService, JobView
from studio.services.telegram_link import TelegramLink
from studio.services.telegram_people import TelegramPeople, identity_of
from studio.store.telegram_chats import TelegramChats
from studio.telegram_errors import (
    TelegramBusy,
    TelegramChatClosed,
    TelegramRefused,
    TelegramUnavailable,
)
from studio.telegram_records import (
    MAX_ALBUM,
    MAX_PHOTO_BYTES,
    Button,
    Buttons,
    Outgoing,
    Person,
    Run,
)

log = logging.getLogger(__name__)

LOOK_S: Final = 0.5
EDIT_S: Final = 3.0
"""Between two edits in a chat: Telegram wants no more than twenty a minute."""
PREVIEW_S: Final = 9.0
"""Between two previews of a run: pictures are dearer than words."""
PHOTOS: Final = frozenset({"image/png", "image/jpeg", "image/webp"})
_ENDS: Final = {
    JobStatus.FAILED: "job_failed",
    JobStatus.CANCELED: "job_canceled",
    JobStatus.EXPIRED: "job_expired",
}


@dataclass(slots=True)
class _Shown:
    """What a chat's message says at the moment, and from when on it may say something else."""

    text: str = ""
    after_s: float = 0.0
    preview: Preview | None = None
    preview_after_s: float = 0.0


class Progress:
    """Watches the runs that have not ended.

    Args:
        wake: there may be something to send.
    """

    def __init__(
        self,
        *,
        people: TelegramPeople,
        chats: TelegramChats,
        jobs: JobService,
        link: TelegramLink,
        clock: Clock,
        quiet: Quiet,
        wake: Callable[[], None],
    ) -> None:
        self._people = people
        self._chats = chats
        self._jobs = jobs
        self._link = link
        self._clock = clock
        self._quiet = quiet
        self._wake = wake
        self._begun = asyncio.Event()
        self._shown: dict[str, _Shown] = {}
        self._at_once = asyncio.Semaphore(AT_ONCE)

    def begin(self) -> None:
        """A run began."""
        self._begun.set()

    async def run(self) -> None:
        """Show how far runs are, and tell their ends; the body of a task."""
        lanes = Lanes(lambda: None)
        try:
            while True:
                self._begun.clear()
                # Before the rows are read: what ends meanwhile is not among them.
                busy = lanes.busy
                try:
                    runs = await self._chats.runs()
                except StudioError:
                    await asyncio.sleep(EDIT_S)
                    continue
                by_chat: defaultdict[int, list[Run]] = defaultdict(list)
                for run in runs:
                    by_chat[run.chat_id].append(run)
                for chat_id in by_chat.keys() - busy:
                    lanes.start(chat_id, self._look_at(by_chat[chat_id]))
                self._shown = {run.id: self._shown[run.id] for run in runs if run.id in self._shown}
                if runs:
                    await asyncio.sleep(LOOK_S)
                else:
                    await self._begun.wait()
        finally:
            await lanes.close()

    async def _look_at(self, runs: Sequence[Run]) -> None:
        """The runs of a chat, which waits for no other chat's."""
        for run in runs:
            # Asked for apart, so that whatever one breaks, the others are looked at.
            (end,) = await asyncio.gather(self._look(run), return_exceptions=True)
            if isinstance(end, Exception):
                if not isinstance(end, StudioError):
                    log.error("the bot could not look at a run", exc_info=end)
                # The disk is full or gone: what is to be said is there once it is back.
                await asyncio.sleep(EDIT_S)
            elif isinstance(end, BaseException):
                raise end

    async def lines(self, person: Person) -> list[str]:
        """How far the runs of a chat are, a line for each."""
        found = []
        for run in await self._chats.runs(chat_id=person.chat_id):
            views = await self._views(run, person)
            if not _is_over(views):
                found.append(_progress(run, views, person.language))
        return found

    async def _views(self, run: Run, person: Person) -> list[JobView]:
        views = []
        for job_id in run.job_ids:
            try:
                views.append(await self._jobs.get(identity_of(person), job_id))
            except NotFound:
                # It was purged: there is nothing left to tell.
                continue
        return views

    async def _look(self, run: Run) -> None:
        person = await self._people.person(run.chat_id)
        if person is None or person.user_id != run.user_id:
            await self._chats.finish(run, (), self._clock.now_ms())
            return
        views = await self._views(run, person)
        if _is_over(views):
            messages = _report(run, views, person)
            await self._chats.finish(run, messages, self._clock.now_ms())
            self._wake()
        elif run.message_id is not None and person.blocked_at is None:
            await self._edit(run, views, person.language)

    async def _edit(self, run: Run, views: Sequence[JobView], language: str) -> None:
        assert run.message_id is not None
        text, preview = _progress(run, views, language), _preview(views)
        now_s = self._clock.monotonic_s()
        shown = self._shown.setdefault(run.id, _Shown())
        if text == shown.text or now_s < shown.after_s or self._quiet.is_kept(run.chat_id):
            return
        shown.text, shown.after_s = text, now_s + EDIT_S
        place = (run.chat_id, run.message_id)
        buttons = ((Button(say(language, "cancel"), f"X:{run.id}"),),)
        try:
            client = self._link.client()
            async with self._at_once:
                if preview is None or preview is shown.preview or now_s < shown.preview_after_s:
                    await client.edit(*place, text, buttons)
                else:
                    shown.preview, shown.preview_after_s = preview, now_s + PREVIEW_S
                    await client.show(*place, preview.data, text, buttons)
        except TelegramBusy as error:
            shown.text = ""
            self._quiet.keep(run.chat_id, error)
        except TelegramUnavailable:
            shown.text = ""
        except (TelegramRefused, TelegramChatClosed):
            # Somebody deleted the message, or blocked the bot: the end is told all the same.
            shown.after_s = float("inf")


def _is_over(views: Sequence[JobView]) -> bool:
    return all(view.job.status.is_terminal for view in views)


def _progress(run: Run, views: Sequence[JobView], language: str) -> str:
    """One line about a run that has not ended."""
    going = [view for view in views if not view.job.status.is_terminal]
    first = next((view for view in going if view.job.started_at is not None), going[0])
    progress = None if first.live is None else first.live.progress
    if progress is not None and progress.awaited is not None:
        return say(language, "waiting_files", title=run.title, file=progress.awaited.title)
    if first.job.status is JobStatus.CANCELING:
        return f"{run.title}: {say(language, 'cancelling')}"
    done = len(views) - len(going)
    if first.job.started_at is None and not done:
        return say(language, "waiting", title=run.title, place=first.queue_position or 1)
    value = progress.value if progress is not None else 0.0
    percent = round(100 * (done + value) / len(views))
    if len(views) > 1:
        return say(
            language, "running_many", title=run.title, done=done, count=len(views), percent=percent
        )
    if progress is not None and progress.step is not None and progress.steps:
        return say(
            language,
            "running_step",
            title=run.title,
            percent=percent,
            step=progress.step,
            steps=progress.steps,
        )
    return say(language, "running", title=run.title, percent=percent)


def _preview(views: Sequence[JobView]) -> Preview | None:
    """The latest look into what runs, where Telegram can show it."""
    for view in views:
        if view.live is not None and view.live.preview is not None:
            preview = view.live.preview
            return preview if preview.content_type in PHOTOS else None
    return None


def _report(run: Run, views: Sequence[JobView], person: Person) -> list[Outgoing]:
    """What is said at a run's end: its message's last words, its files, and what may follow."""
    language = person.language
    outputs = [asset for view in views for asset in view.outputs if asset.trashed_at is None]
    end = _end(run, views, language)
    if not outputs and any(view.job.status is JobStatus.SUCCEEDED for view in views):
        end = f"{end}\n{say(language, 'no_outputs')}"
    buttons = _next(run, outputs, language)
    found = parcels(outputs)
    alone = len(found) == 1 and len(found[0]) == 1
    messages = [
        # What failed may be tried again right there; else that is below what came out.
        Outgoing(text=end, buttons=() if outputs else buttons, follows=run.id)
    ]
    for parcel in found:
        messages.append(
            Outgoing(
                text=end if alone else "",
                buttons=buttons if alone else (),
                asset_ids=tuple(asset.id for asset in parcel),
                user_id=run.user_id,
            )
        )
    if found and not alone:
        messages.append(Outgoing(text=say(language, "next"), buttons=buttons))
    return messages


def _end(run: Run, views: Sequence[JobView], language: str) -> str:
    for view in views:
        if key := _ENDS.get(view.job.status):
            error = view.job.error
            reason = why(language, error.code, error.message) if error is not None else ""
            return say(language, key, title=run.title, reason=reason)
    seeds = run.order.get("seeds") or []
    if len(seeds) == 1:
        return say(language, "done_seed", title=run.title, seed=seeds[0])
    return say(language, "done", title=run.title)


def _next(run: Run, outputs: Sequence[Asset], language: str) -> Buttons:
    again = [Button(say(language, "again"), f"A:{run.id}")]
    if run.order.get("seeds"):
        again.append(Button(say(language, "again_seed"), f"N:{run.id}"))
    lines = [tuple(again)]
    if any(asset.content_type.startswith(("image/", "video/")) for asset in outputs):
        lines.append((Button(say(language, "use_input"), f"U:{run.id}"),))
    return tuple(lines)


def parcels(outputs: Sequence[Asset]) -> list[list[Asset]]:
    """Files as they are sent: pictures that Telegram shows up to ten at once, others alone."""
    found: list[list[Asset]] = []
    album: list[Asset] = []
    for asset in outputs:
        if asset.content_type not in PHOTOS or asset.size_bytes > MAX_PHOTO_BYTES:
            found.append([asset])
        elif album and len(album) < MAX_ALBUM:
            album.append(asset)
        else:
            album = [asset]
            found.append(album)
    return found
