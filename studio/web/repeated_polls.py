"""Polls that repeat the one before them, answered while they are read.

A program that waits for a job asks the same question on one connection hundreds of times, the same
to the byte. What its head says was found out when it came first. When it comes again, about this
job or another, nothing is left to parse: the key is checked anew, the job is looked up in memory,
and the answer leaves in one write, without a task. Whatever differs goes the long way.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Protocol, runtime_checkable

from starlette.types import Scope

Answer = tuple[Sequence[tuple[bytes, bytes]], bytes]
"""Headers and body of an answer of status 200."""

_START: Final = b"GET /api/v2/jobs/"
_END: Final = len(_START) + 36
"""Where the job's id ends."""
_MOST_BYTES: Final = 4096


@runtime_checkable
class AnswersAgain(Protocol):
    """An application that can say at once what it answers to a poll that it answered before."""

    def answer_again(self, scope: Scope, job_id: str) -> Answer | None: ...


def may_be_poll(data: bytes) -> bool:
    """Whether a request may be a poll that is worth remembering."""
    return data.startswith(_START) and len(data) <= _MOST_BYTES


class KnownPoll:
    """A poll that was answered on this connection, and what its head says.

    Args:
        data: all of the request.
        scope: what was read of it; whatever its answer noted there holds again.
    """

    __slots__ = ("_length", "_rest", "scope")

    def __init__(self, data: bytes, scope: Scope) -> None:
        self._rest = data[_END:]
        self._length = len(data)
        self.scope = scope

    def job_in(self, data: bytes) -> str | None:
        """The id of the job that ``data`` asks for in just these words, ``None`` for others."""
        if len(data) == self._length and data.startswith(_START) and data.endswith(self._rest):
            return data[len(_START) : _END].decode("latin-1")
        return None
