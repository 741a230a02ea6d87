"""``/api/boards``: collections of files of the library."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from studio.clock import iso
from studio.models import Scope
from studio.services.boards import BoardService
from studio.store.boards import Board
from studio.web import library_schemas as schemas
from studio.web.caller import caller, json_body, optional_text, text_field
from studio.web.respond import json_response


def board_routes(boards: BoardService) -> APIRouter:
    """The routes under ``/api/boards``; each needs the scope ``assets``."""
    router = APIRouter(prefix="/api/boards", tags=["Library"])

    @router.get("", summary="Your boards", **schemas.LIST_BOARDS)
    async def list_boards(request: Request) -> Response:
        found = await boards.list(caller(request, Scope.ASSETS))
        return json_response({"items": [_body(one) for one in found], "total": len(found)})

    @router.post("", summary="A new board", **schemas.CREATE_BOARD)
    async def create(request: Request) -> Response:
        identity = caller(request, Scope.ASSETS)
        name = text_field(await json_body(request), "name")
        return json_response(_body(await boards.create(identity, name)), 201)

    @router.patch("/{board_id}", summary="Rename a board, or choose its cover", **schemas.BOARD)
    async def update(request: Request, board_id: str) -> Response:
        identity = caller(request, Scope.ASSETS)
        body = await json_body(request)
        board = await boards.update(
            identity,
            board_id,
            name=optional_text(body, "name"),
            cover=optional_text(body, "cover"),
            has_cover="cover" in body,
        )
        return json_response(_body(board))

    @router.delete("/{board_id}", summary="Delete a board; its files stay", **schemas.DELETE_BOARD)
    async def delete(request: Request, board_id: str) -> Response:
        await boards.delete(caller(request, Scope.ASSETS), board_id)
        return Response(status_code=204)

    return router


def _body(board: Board) -> dict[str, Any]:
    return {
        "id": board.id,
        "user_id": board.user_id,
        "name": board.name,
        "cover": board.cover,
        "count": board.count,
        "created_at": iso(board.created_at),
    }
