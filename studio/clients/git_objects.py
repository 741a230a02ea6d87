"""Objects of a git repository, as ``git cat-file --batch`` hands them out, and hashed once more."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import IO, Final

from studio.errors import UpdateRefused

MAX_OBJECT_BYTES: Final = 64 << 20
_ID: Final = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class GitObject:
    """One object, whose bytes are those that its id stands for."""

    kind: str
    data: bytes

    def field(self, name: str) -> str:
        """A line of the head of a commit or a tag; empty without one."""
        head = self.data.partition(b"\n\n")[0].decode("utf-8", "replace")
        found = re.search(rf"^{name} (.*)$", head, re.MULTILINE)
        return found[1] if found else ""


def is_object_id(text: str) -> bool:
    """It is the whole id of an object, as a pinned commit has to be."""
    return _ID.fullmatch(text) is not None


class ObjectReader:
    """Objects by id; each is what its id says, or it is refused."""

    def __init__(self, ask: IO[bytes], answer: IO[bytes]) -> None:
        self._ask = ask
        self._answer = answer

    def read(self, object_id: str, kind: str) -> GitObject:
        """One object of that kind.

        Raises:
            UpdateRefused: it is missing, of another kind, too large, or was changed.
        """
        try:
            self._ask.write(f"{object_id}\n".encode())
            self._ask.flush()
            head = self._answer.readline().split()
            size = int(head[2]) if len(head) == 3 else -1
            data = self._answer.read(size + 1)[:-1] if 0 <= size <= MAX_OBJECT_BYTES else b""
        except (OSError, ValueError) as error:
            raise UpdateRefused("damaged", "The repository cannot be read.") from error
        if size > MAX_OBJECT_BYTES:
            raise UpdateRefused("damaged", "A file of the release is too large.")
        if len(head) != 3 or head[1] != kind.encode() or len(data) != size:
            raise UpdateRefused("damaged", f"The {kind} {object_id[:12]} is not in the repository.")
        if object_hash(kind, data, object_id) != object_id:
            raise UpdateRefused("damaged", f"The {kind} {object_id[:12]} was changed.")
        return GitObject(kind, data)


def object_hash(kind: str, data: bytes, like: str) -> str:
    """The id of an object, by the same algorithm as the id ``like``."""
    algorithm = hashlib.sha256 if len(like) == 64 else hashlib.sha1
    return algorithm(b"%b %d\0" % (kind.encode(), len(data)) + data).hexdigest()
