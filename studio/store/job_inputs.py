"""What jobs read: the rows that keep an asset for as long as an unfinished job needs it."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Sequence

from studio.errors import MissingAsset
from studio.models import Job
from studio.store.asset_rows import get, is_usable


def hold_inputs(
    connection: sqlite3.Connection, job: Job, asset_ids: Sequence[str], now_ms: int | None
) -> None:
    """Note what a job reads inside the caller's transaction: until its end that stays.

    Args:
        now_ms: refuse what has expired by then; ``None`` for a job that was accepted before.

    Raises:
        MissingAsset: an asset is gone, in the trash or expired.
    """
    lost = {asset_id for asset_id in asset_ids if not _is_there(connection, asset_id, now_ms)}
    if lost:
        raise MissingAsset(
            "An input file of this job was deleted just now. Upload it again.",
            details={"node_errors": _node_errors(job, lost)},
        )
    connection.executemany(
        "INSERT OR IGNORE INTO job_inputs (job_id, asset_id) VALUES (?, ?)",
        [(job.id, asset_id) for asset_id in asset_ids],
    )


def _is_there(connection: sqlite3.Connection, asset_id: str, now_ms: int | None) -> bool:
    asset = get(connection, asset_id, None)
    return asset is not None and is_usable(asset, 0 if now_ms is None else now_ms)


def _node_errors(job: Job, lost: Collection[str]) -> dict[str, list[dict[str, str]]]:
    errors: dict[str, list[dict[str, str]]] = {}
    for node_id, path, asset_id, _ in job.extra.get("inputs", ()):
        if asset_id in lost:
            entry = {
                "field": ".".join(str(step) for step in path),
                "reason": MissingAsset.code,
                "message": "The file was deleted just now.",
            }
            errors.setdefault(node_id, []).append(entry)
    return errors
