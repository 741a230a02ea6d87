"""Boards: collections that people make of their library."""

from __future__ import annotations

from typing import Final

from studio.clock import Clock, new_id
from studio.errors import Conflict, Unprocessable
from studio.models import Identity
from studio.services.library import viewer_of
from studio.store.boards import Board, BoardStore

MAX_NAME: Final = 80
MAX_BOARDS: Final = 500


class BoardService:
    """The boards of one caller; the owner sees everybody's."""

    def __init__(self, *, boards: BoardStore, clock: Clock) -> None:
        self._boards = boards
        self._clock = clock

    async def list(self, identity: Identity) -> list[Board]:
        """All of them, by name."""
        return await self._boards.list(viewer_of(identity))

    async def create(self, identity: Identity, name: str) -> Board:
        """A new, empty board.

        Raises:
            Unprocessable: the name is empty, too long or not printable.
            NameTaken, Conflict: the caller has one of that name, or too many.
        """
        shown, key = _name(name)
        board = Board(new_id(), identity.user_id, shown, self._clock.now_ms(), None, 0)
        if not await self._boards.add(board, key, MAX_BOARDS):
            raise Conflict(f"You have {MAX_BOARDS} boards, which is the limit. Delete one first.")
        return board

    async def update(
        self,
        identity: Identity,
        board_id: str,
        *,
        name: str | None,
        cover: str | None,
        has_cover: bool,
    ) -> Board:
        """Rename a board, or choose what stands for it; a ``cover`` of ``None`` is the newest.

        Raises:
            NotFound: there is no such board, or the cover is not on it.
            Unprocessable, NameTaken: the name cannot be used.
        """
        return await self._boards.update(
            board_id,
            viewer_of(identity),
            name=None if name is None else _name(name),
            cover=cover,
            has_cover=has_cover,
        )

    async def delete(self, identity: Identity, board_id: str) -> None:
        """Delete a board; what was on it stays in the library.

        Raises:
            NotFound: there is no such board.
        """
        await self._boards.delete(board_id, viewer_of(identity))


def _name(text: str) -> tuple[str, str]:
    name = " ".join(text.split())
    if not 1 <= len(name) <= MAX_NAME or not name.isprintable():
        raise Unprocessable(
            f"A board's name has 1 to {MAX_NAME} printable characters.", details={"field": "name"}
        )
    return name, name.casefold()
