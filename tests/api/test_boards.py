"""Boards: what is on them, who sees them, what stands for them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.api.graphs import code_of
from tests.api.house import open_house
from tests.api.pictures import act, found, indexed, key_of, shelf


async def boards(client: httpx.AsyncClient) -> list[tuple[str, str | None, int]]:
    """(name, cover, count) of each board."""
    answer = await client.get("/api/boards")
    assert answer.json()["total"] == len(answer.json()["items"])
    return [(one["name"], one["cover"], one["count"]) for one in answer.json()["items"]]


async def make(client: httpx.AsyncClient, name: str) -> str:
    answer = await client.post("/api/boards", json={"name": name})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


async def test_files_are_put_on_a_board_and_taken_off_it(tmp_path: Path) -> None:
    async with shelf(tmp_path) as stores:
        one, two = await stores.add(outputs=2)
    async with open_house(tmp_path) as house, house.client() as owner:
        await indexed(owner, 2)
        board = await make(owner, " Winter  trip ")
        assert await boards(owner) == [("Winter trip", None, 0)]
        assert (await act(owner, [one, two], "add_to_board", board))["changed"] == 2
        assert (await act(owner, [one, "x"], "add_to_board", board)) == {
            "changed": 0,
            "not_found": ["x"],
            "refused": [],
        }
        assert await boards(owner) == [("Winter trip", two, 2)]
        assert await found(owner, board=board) == sorted([one, two])
        [item, _] = await indexed(owner, 2)
        assert item["boards"] == [board]
        await act(owner, [two], "trash")
        assert await boards(owner) == [("Winter trip", one, 1)]
        await act(owner, [two], "restore")
        assert (await act(owner, [one], "remove_from_board", board))["changed"] == 1
        assert await found(owner, board=board) == [two]
        assert (await owner.delete(f"/api/boards/{board}")).status_code == 204
        assert await boards(owner) == []
        assert await found(owner) == sorted([one, two])


async def test_a_board_is_renamed_and_given_a_cover(tmp_path: Path) -> None:
    async with shelf(tmp_path) as stores:
        one, two = await stores.add(outputs=2)
    async with open_house(tmp_path) as house, house.client() as owner:
        await indexed(owner, 2)
        board, other = await make(owner, "Trips"), await make(owner, "Faces")
        await act(owner, [one, two], "add_to_board", board)
        address = f"/api/boards/{board}"
        answer = await owner.patch(address, json={"name": "Journeys", "cover": one})
        assert (answer.json()["name"], answer.json()["cover"]) == ("Journeys", one)
        answer = await owner.patch(address, json={"name": "FACES"})
        assert (answer.status_code, code_of(answer)) == (409, "name_taken")
        answer = await owner.patch(f"/api/boards/{other}", json={"cover": one})
        assert (answer.status_code, code_of(answer)) == (404, "not_found")
        assert (await owner.patch(address, json={"cover": None})).json()["cover"] == two
        assert [name for name, _, _ in await boards(owner)] == ["Faces", "Journeys"]


@pytest.mark.parametrize(
    "body", [{}, {"name": " "}, {"name": "x" * 81}, {"name": "a\x07"}, {"name": 4}], ids=str
)
async def test_a_wrong_name_is_refused(tmp_path: Path, body: dict[str, Any]) -> None:
    async with open_house(tmp_path) as house, house.client() as owner:
        answer = await owner.post("/api/boards", json=body)
        assert (answer.status_code, code_of(answer)) == (422, "invalid_request")
        assert await boards(owner) == []


async def test_nobody_sees_or_changes_the_boards_of_others_but_the_owner(tmp_path: Path) -> None:
    async with shelf(tmp_path) as stores:
        await stores.add_user("ann")
        [hers] = await stores.add(user_id="ann")
        [his] = await stores.add()
    async with (
        open_house(tmp_path) as house,
        house.client() as owner,
        house.client(await key_of(house, "ann")) as ann,
    ):
        await indexed(owner, 2)
        private = await make(owner, "Private")
        shared = await make(ann, "Private")
        assert await boards(ann) == [("Private", None, 0)]
        assert len(await boards(owner)) == 2
        for method in ("PATCH", "DELETE"):
            answer = await ann.request(method, f"/api/boards/{private}", json={"name": "Mine"})
            assert (answer.status_code, code_of(answer)) == (404, "not_found")
        body = {"ids": [hers], "action": "add_to_board", "value": private}
        assert (await ann.post("/api/library/actions", json=body)).status_code == 404
        assert (await act(ann, [his], "add_to_board", shared))["not_found"] == [his]
        await act(owner, [his, hers], "add_to_board", private)
        assert await found(ann, board=private) == [hers]
        [item] = await indexed(ann, 1)
        assert item["boards"] == []
