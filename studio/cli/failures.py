"""How a command ends when it does not end well."""

from __future__ import annotations

from typing import Final

from studio.errors import StudioError

EXIT_FAILED: Final = 1
EXIT_USAGE: Final = 2
EXIT_HELD: Final = 75
EXIT_CONFIG: Final = 78
EXIT_INTERRUPTED: Final = 130


class CommandFailed(StudioError):
    """A command that cannot do what was asked.

    Args:
        message: one sentence for the person at the terminal; more lines may follow it.
        reason: the code shown in brackets: Studio's own, or one of the command line's.
        exit_code: the status the process ends with.
    """

    code = "failed"

    def __init__(self, message: str, *, reason: str, exit_code: int = EXIT_FAILED) -> None:
        super().__init__(message)
        self.reason = reason
        self.exit_code = exit_code
