"""What a job says that waits for its models."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from studio.services.download_line import DownloadView
from studio.store.downloads import DownloadState

_UNITS: Final = ("bytes", "kB", "MB", "GB", "TB")


def progress_message(going: Sequence[tuple[str, DownloadView]]) -> str:
    """What is being fetched and how far it is; of several, the one that is furthest.

    Args:
        going: the title of each download that has not ended, and how it stands.
    """
    title, view = max(going, key=lambda one: (one[1].row.state.is_active, one[1].progress.received))
    text = _one(title, view)
    return text if len(going) == 1 else f"{text} (and {len(going) - 1} more)"


def _one(title: str, view: DownloadView) -> str:
    state, progress = view.row.state, view.progress
    if state is DownloadState.PAUSED:
        return f"{title}: the download is paused"
    if progress.retry_in_s is not None:
        return f"{title}: {_again(view, progress.retry_in_s)}"
    if state is DownloadState.VERIFYING:
        return f"Checking {title}"
    if state is not DownloadState.DOWNLOADING:
        return f"Waiting to fetch {title}"
    if progress.size is None:
        return f"Fetching {title}: {_bytes(progress.received)}"
    return f"Fetching {title}: {_bytes(progress.received)} of {_bytes(progress.size)}"


def _again(view: DownloadView, seconds: float) -> str:
    """Why it waits, and how long."""
    error = view.row.error
    if error is None:
        return f"tried again in {round(seconds)} s"
    return f"{error.message} Tried again in {round(seconds)} s"


def _bytes(count: int) -> str:
    value, unit = float(count), 0
    while value >= 1000 and unit < len(_UNITS) - 1:
        value, unit = value / 1000, unit + 1
    return (
        f"{value:.0f} {_UNITS[unit]}"
        if unit == 0 or value >= 100
        else f"{value:.1f} {_UNITS[unit]}"
    )
