"""Housekeeping over an opened database, for tests that do not wait for its timers."""

from __future__ import annotations

from pathlib import Path

from studio.clock import Clock
from studio.services.assets import AssetService
from studio.services.library_rules import LibraryRules
from studio.services.queue import JobQueue
from studio.services.quotas import QuotaService
from studio.services.retention import RetentionService
from studio.services.uploads import UploadService
from studio.services.usage import Usage
from studio.store.assets import AssetStore
from studio.store.blobs import BlobStore, StagedBlob
from studio.store.db import Database
from studio.store.job_stats import JobStatsStore
from studio.store.picture_rules import PictureRuleStore
from studio.store.pictures import PictureStore
from studio.store.prefs import PrefStore
from studio.store.quotas import QuotaStore
from studio.store.trash import TrashStore
from studio.store.upload_files import UploadFiles
from studio.store.uploads import UploadStore


def rules_over(db: Database, blobs: BlobStore, folder: Path, clock: Clock) -> LibraryRules:
    """What the timer of a Studio in ``folder`` keeps to."""
    return LibraryRules(
        prefs=PrefStore(db),
        pictures=PictureStore(db, AssetStore(db, blobs)),
        candidates=PictureRuleStore(db),
        trash=TrashStore(db),
        folder=folder,
        forget_jobs=lambda _: None,
        record=lambda *_, **__: None,
        clock=clock,
    )


def retention_over(db: Database, blobs: BlobStore, folder: Path, clock: Clock) -> RetentionService:
    """What purges jobs of a Studio in ``folder``."""
    store = AssetStore(db, blobs)
    quotas = QuotaService(store=QuotaStore(db), queue=JobQueue(), clock=clock)
    uploads = UploadService(
        uploads=UploadStore(db, blobs),
        files=UploadFiles(folder / "assets" / "uploads"),
        assets=AssetService(
            store=store,
            blobs=blobs,
            clock=clock,
            max_upload_bytes=1,
            shelve=_no_models,
            quotas=quotas,
        ),
        blobs=blobs,
        clock=clock,
        quotas=quotas,
        max_bytes=1,
    )
    return RetentionService(
        JobStatsStore(db),
        assets=store,
        uploads=uploads,
        rules=rules_over(db, blobs, folder, clock),
        usage=Usage(clock),
        clock=clock,
    )


async def _no_models(file_path: str, _: StagedBlob) -> None:
    raise AssertionError(f"nobody uploads models here: {file_path}")
