"""What visitors of a form do: send files, run its preset, see what became of their own runs."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from studio.clock import Clock, new_id
from studio.errors import (
    Conflict,
    DiskFull,
    InvalidAnswers,
    InvalidPrompt,
    InvalidValue,
    NotFound,
    StudioError,
    TooManyRequests,
    Unavailable,
)
from studio.models import Asset, Preview, Record
from studio.quota_errors import DiskQuotaExceeded
from studio.services.assets import AssetService
from studio.services.batches import BatchService, Order
from studio.services.jobs import JobService, JobView
from studio.services.share_files import Handed, hand, media
from studio.services.share_forms import SharedForm, ShareForms
from studio.services.shares import maker_of
from studio.services.throttle import network_of
from studio.services.upload_fields import UploadFields
from studio.share_errors import ShareGone, ShareUsedUp
from studio.store.share_runs import Full, ShareRun, ShareRunStore
from studio.store.shares import Share

FILES_PER_RUN: Final = 4
"""How many files a link takes in an hour for each run that it allows."""
ORIGIN: Final = "share"
_FILE_KEPT_S: Final = 2 * 3600
_TOLD: Final = (InvalidValue, InvalidAnswers, InvalidPrompt, Unavailable, DiskFull)
"""What a visitor is told as it is; all else speaks of the maker's own things."""


@dataclass(frozen=True, slots=True)
class VisitorRun:
    """A run as its visitor sees it."""

    id: str
    view: JobView

    def preview(self, share: Share) -> Preview | None:
        """What there is to be seen of it while it runs, where the link shows that."""
        is_shown = share.with_previews and self.view.job.completed_at is None
        return self.view.live.preview if is_shown and self.view.live is not None else None

    @property
    def outputs(self) -> Sequence[Asset]:
        return [asset for asset in self.view.outputs if asset.trashed_at is None]


class ShareRuns:
    """Runs of links by their visits.

    Args:
        key: the installation's signing key.
    """

    def __init__(
        self,
        *,
        runs: ShareRunStore,
        forms: ShareForms,
        batches: BatchService,
        jobs: JobService,
        assets: AssetService,
        key: bytes,
        clock: Clock,
        record: Record,
    ) -> None:
        self._runs = runs
        self._forms = forms
        self._batches = batches
        self._jobs = jobs
        self._assets = assets
        self._key = key
        self._clock = clock
        self._record = record

    async def form(self, share: Share) -> SharedForm:
        """What visitors are asked.

        Raises:
            ShareGone: the link is no form, or its workflow is not there any more.
        """
        _require_form(share)
        try:
            return await self._forms.form(maker_of(share), share)
        except NotFound as error:
            raise ShareGone("This form is not there any more.") from error

    async def send_file(
        self, share: Share, visit: str, name: str, chunks: AsyncIterator[bytes]
    ) -> str:
        """Keep a file for a run of this visit; it goes two hours later, or with its run.

        Returns:
            The id by which the visitor may name it.

        Raises:
            Unprocessable: it is no picture, video or sound.
            PayloadTooLarge, DiskFull, TooManyRequests: as named.
        """
        _require_form(share)
        file_id, now_ms = new_id(), self._clock.now_ms()
        most = share.runs_per_hour * FILES_PER_RUN
        free_at = await self._runs.reserve_file(file_id, share.id, visit, now_ms, most)
        if free_at is not None:
            raise self._wait("This link took as many files as it takes in an hour.", free_at)
        safe = "".join(char if char.isalnum() or char in "._-" else "_" for char in name)[-80:]
        fields = UploadFields(f"shares/{file_id}/file-{safe}", expires_in=_FILE_KEPT_S)
        is_stored = False
        try:
            asset, _ = await self._assets.upload(maker_of(share), media(chunks), fields)
            await self._runs.file_stored(file_id, asset.id)
            is_stored = True
        except (DiskFull, DiskQuotaExceeded) as error:
            # How much the maker has, and may have, is nobody else's business.
            raise DiskFull("There is no room for files here now.") from error
        finally:
            # Whatever went wrong, a visitor who went away included.
            if not is_stored:
                await self._runs.forget_file(file_id)
        return file_id

    async def run(
        self,
        share: Share,
        visit: str,
        address: str,
        values: Mapping[str, Any],
        answers: Mapping[str, object],
        name: str | None = None,
    ) -> VisitorRun:
        """Run the link's preset as a job of its maker.

        Args:
            name: what the visitor's program calls this run: by the same name there is but one, and
                whoever asks again gets it.

        Raises:
            InvalidValue, InvalidAnswers, InvalidPrompt: what the visitor gave does not fit.
            TooManyRequests, ShareUsedUp: there is no room for one more.
            Conflict: it cannot be run as it is, which its maker has to see to.
        """
        _require_form(share)
        maker = maker_of(share)
        run_id = new_id() if name is None else _named(visit, name)
        if found := await self._runs.of_visit(share.id, visit, only=run_id):
            return await self._seen(share, found[0])
        files = await self._runs.files_of(share.id, visit)
        wanted = await self._forms.values(maker, share, values, files)
        now_ms = self._clock.now_ms()
        run = ShareRun(run_id, share.id, visit, self._address(address), now_ms)
        full = await self._runs.reserve(run)
        if full is not None:
            raise self._refusal(full)
        order = Order(
            preset_id=share.target,
            values=wanted,
            answers=answers,
            origin=ORIGIN,
            beside=self._runs.beside(run.id),
        )
        is_accepted = False
        try:
            [view] = (await self._batches.run(maker, order)).jobs
            is_accepted = True
        except StudioError as error:
            raise _for_visitors(error) from error
        finally:
            if not is_accepted:
                await self._runs.forget(run.id)
        self._record(share.user_id, "share.run", share.label, id=share.id)
        return VisitorRun(run.id, view)

    def _address(self, address: str) -> str:
        """Tells addresses apart without keeping them."""
        return hmac.digest(self._key, f"share {network_of(address)}".encode(), "sha256").hex()[:32]

    def _refusal(self, full: Full) -> StudioError:
        if full.free_at is None:
            return ShareUsedUp("All the runs that this link allows were used.")
        if full.which == "same":
            return self._wait("This run is being started already.", full.free_at)
        if full.which == "link":
            return self._wait("This link allows no more runs in this hour.", full.free_at)
        return self._wait("You have used as many runs as you may in an hour.", full.free_at)

    def _wait(self, message: str, free_at: int) -> TooManyRequests:
        seconds = max(1, -(-(free_at - self._clock.now_ms()) // 1000))
        return TooManyRequests(message, retry_after_s=seconds)

    # -- what became of it ------------------------------------------------------------------------

    async def runs(self, share: Share, visit: str) -> Sequence[VisitorRun]:
        """The visit's own runs, the newest first; those that are no longer kept are left out."""
        found = []
        for run in await self._runs.of_visit(share.id, visit):
            try:
                found.append(await self._seen(share, run))
            except NotFound:
                continue
        return found

    async def get(self, share: Share, visit: str, run_id: str) -> VisitorRun:
        """One run of this visit.

        Raises:
            NotFound: it has none by that id.
        """
        found = await self._runs.of_visit(share.id, visit, only=run_id)
        if not found:
            raise NotFound("There is no such run of yours.")
        return await self._seen(share, found[0])

    async def cancel(self, share: Share, visit: str, run_id: str) -> VisitorRun:
        """Ask for a run's end; raises ``NotFound`` when it is not this visit's."""
        run = await self.get(share, visit, run_id)
        view = await self._jobs.cancel(maker_of(share), run.view.job.id)
        return VisitorRun(run.id, view)

    async def output(
        self, share: Share, visit: str, run_id: str, asset_id: str, *, small: bool = False
    ) -> Handed:
        """One output of a run of this visit, to be handed out.

        Raises:
            NotFound: there is no such run or output of this visit.
        """
        run = await self.get(share, visit, run_id)
        if asset_id not in {asset.id for asset in run.outputs}:
            raise NotFound("There is no such result of yours.")
        return await hand(self._assets, share, asset_id, small=small)

    async def _seen(self, share: Share, run: ShareRun) -> VisitorRun:
        return VisitorRun(run.id, await self._jobs.get(maker_of(share), run.job_id or ""))


def _named(visit: str, name: str) -> str:
    """The id of the run that a visit calls so; other visits have others."""
    text = hashlib.sha256(f"{visit} {name}".encode("utf-8", "surrogatepass")).hexdigest()[:32]
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def _require_form(share: Share) -> None:
    if share.kind != "preset":
        raise ShareGone("This link is no form.")


def _for_visitors(error: StudioError) -> StudioError:
    """A refusal without what is the maker's business: their limits, models and nodes."""
    if isinstance(error, _TOLD):
        return error
    if isinstance(error, TooManyRequests):
        wait_s = error.retry_after_s
        return TooManyRequests("There is no room for more runs now.", retry_after_s=wait_s)
    return Conflict("This form cannot be run as it is. Tell whoever sent you the link.")
