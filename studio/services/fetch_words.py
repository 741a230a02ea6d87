"""What a job says that waits for its models."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from studio.models import Awaited
from studio.services.download_line import DownloadView
from studio.store.downloads import DownloadState

_STATES: Final = {
    DownloadState.PAUSED: "paused",
    DownloadState.VERIFYING: "checking",
    DownloadState.DOWNLOADING: "fetching",
}
_UNITS: Final = ("bytes", "kB", "MB", "GB", "TB")


def awaited(going: Sequence[tuple[str, DownloadView]]) -> Awaited:
    """What is being fetched and how far it is; of several, the one that is furthest.

    Args:
        going: the title of each download that has not ended, and how it stands.
    """
    title, view = max(going, key=lambda one: (one[1].row.state.is_active, one[1].progress.received))
    progress = view.progress
    return Awaited(
        _STATES.get(view.row.state, "queued") if progress.retry_in_s is None else "again",
        title,
        progress.received,
        progress.size,
        None if progress.retry_in_s is None else round(progress.retry_in_s),
        len(going) - 1,
        None if view.row.error is None else view.row.error.message,
    )


def message_of(what: Awaited) -> str:
    """The same in words, for whoever reads no more than a message."""
    text = _text(what)
    return text if not what.others else f"{text} (and {what.others} more)"


def _text(what: Awaited) -> str:
    match what.state:
        case "paused":
            return f"{what.title}: the download is paused"
        case "again":
            return f"{what.title}: {_again(what)}"
        case "checking":
            return f"Checking {what.title}"
        case "queued":
            return f"Waiting to fetch {what.title}"
    text = f"Fetching {what.title}"
    if not what.received_bytes and what.size_bytes is None:
        return text
    part = _bytes(what.received_bytes)
    return f"{text}: {part if what.size_bytes is None else f'{part} of {_bytes(what.size_bytes)}'}"


def _again(what: Awaited) -> str:
    """Why it waits, and how long."""
    told = f"tried again in {what.retry_in_s} s"
    return told if what.reason is None else f"{what.reason} {told.capitalize()}"


def _bytes(count: int) -> str:
    value, unit = float(count), 0
    while value >= 1000 and unit < len(_UNITS) - 1:
        value, unit = value / 1000, unit + 1
    return (
        f"{value:.0f} {_UNITS[unit]}"
        if unit == 0 or value >= 100
        else f"{value:.1f} {_UNITS[unit]}"
    )
