"""How an update that came to nothing is told."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from studio.errors import StudioError, UpdateRefused
from studio.store.release_tree import disk_refusal

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Failure:
    """What was tried and came to nothing, at which step, and why."""

    kind: str
    step: str
    code: str
    message: str
    at: int


def told_of(error: Exception) -> StudioError:
    """What the owner reads of it; of what nobody foresaw the log has the rest."""
    if isinstance(error, StudioError):
        return error
    log.error("an update ended with an error that was not foreseen", exc_info=error)
    if isinstance(error, OSError):
        return disk_refusal(error)
    return UpdateRefused("unforeseen", f"{type(error).__name__}: Studio's log has the rest.")
