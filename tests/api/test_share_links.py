"""Links to files, boards and forms: made, changed, withdrawn, and what visitors see of them."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, PngImagePlugin

from studio.services import share_files
from studio.settings import DAY_MS
from tests.api.graphs import code_of, fresh_png
from tests.api.house import House, open_house
from tests.api.people import member_in
from tests.api.pictures import act, indexed, key_of, shelf
from tests.api.presets import good, save
from tests.api.shares import PASSWORD, enter, links, shared, visitor

PROMPT = "canary-prompt-2f70"


def telling_png() -> bytes:
    """A picture that says how it was made."""
    info = PngImagePlugin.PngInfo()
    info.add_text("prompt", f'{{"1": {{"class_type": "X", "inputs": {{"text": "{PROMPT}"}}}}}}')
    out = io.BytesIO()
    Image.effect_noise((64, 48), 50).save(out, "PNG", pnginfo=info)
    return out.getvalue()


async def test_a_shared_picture_is_seen_by_whoever_has_the_link(tmp_path: Path) -> None:
    data = telling_png()
    async with shelf(tmp_path) as stores:
        [asset] = await stores.add(data=data)
    async with open_house(tmp_path) as house, house.client() as owner, visitor(house) as guest:
        await indexed(owner, 1)
        path = await shared(owner, "asset", asset)
        facts = await enter(guest, path)
        assert (facts["kind"], facts["label"], facts["total"]) == ("asset", "picture_00001_.png", 1)
        [item] = good(await guest.get(f"{path}/pictures"))["items"]
        assert (item["width"], item["height"], item["original"]) == (64, 48, True)
        answer = await guest.get(f"{path}/pictures/{asset}/content")
        assert (answer.status_code, answer.headers["content-type"]) == (200, "image/png")
        assert PROMPT.encode() not in answer.content
        assert len(answer.content) == len(data)
        with Image.open(io.BytesIO(answer.content)) as clean, Image.open(io.BytesIO(data)) as made:
            assert clean.tobytes() == made.tobytes()
        part = await guest.get(f"{path}/pictures/{asset}/content", headers={"Range": "bytes=8-99"})
        assert (part.status_code, part.content) == (206, answer.content[8:100])
        small = await guest.get(f"{path}/pictures/{asset}/thumbnail")
        assert small.headers["content-type"] == "image/webp"
        assert PROMPT.encode() not in small.content
        assert good(await guest.get(f"{path}/pictures/{asset}"))["made"] is None


async def test_a_link_that_tells_how_it_was_made_hands_out_all(tmp_path: Path) -> None:
    data = telling_png()
    async with shelf(tmp_path) as stores:
        [asset] = await stores.add("a fox in the snow", data=data)
    async with open_house(tmp_path) as house, house.client() as owner, visitor(house) as guest:
        await indexed(owner, 1)
        path = await shared(owner, "asset", asset, with_recipe=True)
        assert (await guest.get(f"{path}/pictures/{asset}/content")).content == data
        made = good(await guest.get(f"{path}/pictures/{asset}"))["made"]
        assert (made["prompt"], made["negative"]) == ("a fox in the snow", "blurry")
        assert made["parameters"]["steps"] == 4


async def test_a_board_is_shown_page_by_page_as_it_is_now(tmp_path: Path) -> None:
    async with shelf(tmp_path) as stores:
        ids = await stores.add(outputs=3)
    async with open_house(tmp_path) as house, house.client() as owner, visitor(house) as guest:
        await indexed(owner, 3)
        board = good(await owner.post("/api/boards", json={"name": "Trip"}), 201)["id"]
        await act(owner, ids, "add_to_board", board)
        path = await shared(owner, "board", board, label=" To  grandma ")
        facts = await enter(guest, path)
        assert (facts["label"], facts["total"]) == ("To grandma", 3)
        first = good(await guest.get(f"{path}/pictures?limit=2"))
        rest = good(await guest.get(f"{path}/pictures?start=2&limit=2"))
        shown = [one["id"] for one in first["items"] + rest["items"]]
        assert sorted(shown) == sorted(ids)
        assert (first["total"], rest["total"]) == (3, 3)
        await act(owner, ids[:1], "trash")
        await act(owner, ids[1:2], "remove_from_board", board)
        assert good(await guest.get(f"{path}/pictures"))["total"] == 1
        for gone in ids[:2]:
            assert (await guest.get(f"{path}/pictures/{gone}/content")).status_code == 404


async def test_a_password_is_asked_for_once_a_visit(tmp_path: Path) -> None:
    async with shelf(tmp_path) as stores:
        [asset] = await stores.add()
    async with open_house(tmp_path) as house, house.client() as owner, visitor(house) as guest:
        path = await shared(owner, "asset", asset, password=PASSWORD, label="Secret plans")
        answer = await guest.get(path)
        assert answer.json() == {"locked": True}
        for address in ("pictures", f"pictures/{asset}", f"pictures/{asset}/content"):
            answer = await guest.get(f"{path}/{address}")
            assert (answer.status_code, code_of(answer)) == (403, "share_locked")
        answer = await guest.post(f"{path}/visit", json={})
        assert (answer.status_code, code_of(answer)) == (403, "share_locked")
        answer = await guest.post(f"{path}/visit", json={"password": "not this one"})
        assert (answer.status_code, code_of(answer)) == (403, "wrong_share_password")
        assert "set-cookie" not in answer.headers
        assert (await enter(guest, path, password=PASSWORD))["label"] == "Secret plans"
        assert (await enter(guest, path))["label"] == "Secret plans"
        assert (await guest.get(f"{path}/pictures/{asset}/content")).status_code == 200
        house.clock.advance(12 * 3600 + 1)
        assert (await guest.get(f"{path}/pictures")).status_code == 403


async def test_a_link_ends_by_itself_when_withdrawn_and_with_what_it_shows(tmp_path: Path) -> None:
    async with shelf(tmp_path) as stores:
        [asset] = await stores.add()
    async with open_house(tmp_path) as house, house.client() as owner, visitor(house) as guest:
        await indexed(owner, 1)

        async def state() -> tuple[int, str]:
            answer = await guest.get(path)
            [link] = [
                one for one in await links(owner) if path.split("/")[3].startswith(one["start"])
            ]
            if answer.status_code == 404:
                assert code_of(answer) == "share_gone"
                assert (await guest.get(f"{path}/pictures/{asset}/content")).status_code == 404
            return answer.status_code, link["state"]

        path = await shared(owner, "asset", asset, expires_in_hours=1)
        assert await state() == (200, "open")
        await act(owner, [asset], "trash")
        assert await state() == (404, "gone")
        await act(owner, [asset], "restore")
        assert await state() == (200, "open")
        house.clock.advance(3601)
        assert await state() == (404, "expired")
        [link] = await links(owner)
        good(await owner.patch(f"/api/share-links/{link['id']}", json={"expires_in_hours": 2}))
        assert await state() == (200, "open")
        assert (await owner.delete(f"/api/share-links/{link['id']}")).status_code == 204
        assert await state() == (404, "revoked")
        answer = await owner.patch(f"/api/share-links/{link['id']}", json={"label": "again"})
        assert (answer.status_code, code_of(answer)) == (409, "conflict")


async def test_a_link_lasts_a_week_unless_somebody_says_otherwise(tmp_path: Path) -> None:
    async with shelf(tmp_path) as stores:
        [asset] = await stores.add()
    async with open_house(tmp_path) as house, house.client() as owner, visitor(house) as guest:
        path = await shared(owner, "asset", asset)
        house.clock.advance(7 * DAY_MS / 1000 - 1)
        assert (await guest.get(path)).status_code == 200
        house.clock.advance(1)
        assert (await guest.get(path)).status_code == 404


async def test_links_are_listed_with_their_uses_and_never_with_what_opens_them(
    tmp_path: Path,
) -> None:
    async with shelf(tmp_path) as stores:
        [asset] = await stores.add()
    async with open_house(tmp_path) as house, house.client() as owner, visitor(house) as guest:
        path = await shared(owner, "asset", asset, password=PASSWORD)
        await enter(guest, path, password=PASSWORD)
        await enter(guest, path)
        answer = await owner.get("/api/share-links")
        [link] = answer.json()["items"]
        assert (link["opened"], link["has_password"], link["runs_per_hour"]) == (2, True, 10)
        assert link["last_used_at"] is not None
        assert path.split("/")[3] not in answer.text
        assert PASSWORD not in answer.text
        dump = "\n".join(await house.db.read(lambda c: list(c.iterdump())))
        assert path.split("/")[3] not in dump
        assert PASSWORD not in dump


async def test_a_changed_password_ends_the_visits_of_the_old_one(tmp_path: Path) -> None:
    async with shelf(tmp_path) as stores:
        [asset] = await stores.add()
    async with open_house(tmp_path) as house, house.client() as owner, visitor(house) as guest:
        path = await shared(owner, "asset", asset, password=PASSWORD)
        await enter(guest, path, password=PASSWORD)
        [link] = await links(owner)
        address = f"/api/share-links/{link['id']}"
        good(await owner.patch(address, json={"password": "another long one"}))
        assert (await guest.get(f"{path}/pictures")).status_code == 403
        await enter(guest, path, password="another long one")
        good(await owner.patch(address, json={"password": None}))
        assert (await guest.get(f"{path}/pictures")).status_code == 200


async def test_members_share_their_own_things_and_guests_nothing(tmp_path: Path) -> None:
    async with shelf(tmp_path) as stores:
        await stores.add_user("ann")
        [hers] = await stores.add(user_id="ann")
        [his] = await stores.add()
    async with (
        open_house(tmp_path) as house,
        house.client() as owner,
        house.client(await key_of(house, "ann")) as ann,
        member_in(house, "Gus", "guest") as gus,
        visitor(house) as stranger,
    ):
        path = await shared(ann, "asset", hers)
        await shared(owner, "asset", his)
        answer = await ann.post("/api/share-links", json={"kind": "asset", "target": his})
        assert (answer.status_code, code_of(answer)) == (404, "not_found")
        body = {"kind": "asset", "target": hers, "runs_per_hour": 11}
        answer = await ann.post("/api/share-links", json=body)
        assert (answer.status_code, code_of(answer)) == (403, "forbidden")
        answer = await gus.post("/api/share-links", json={"kind": "asset", "target": hers})
        assert (answer.status_code, code_of(answer)) == (403, "forbidden")
        [of_ann] = await links(ann)
        of_owner = next(one for one in await links(owner) if one["user"]["id"] == "owner")
        assert len(await links(owner)) == 2
        for method in ("PATCH", "DELETE"):
            answer = await ann.request(method, f"/api/share-links/{of_owner['id']}", json={})
            assert (answer.status_code, code_of(answer)) == (404, "not_found")
        good(await owner.patch(f"/api/share-links/{of_ann['id']}", json={"runs_per_hour": 50}))
        changed = good(await ann.patch(f"/api/share-links/{of_ann['id']}", json={"label": "x"}))
        assert changed["runs_per_hour"] == 50
        assert (await stranger.get(path)).status_code == 200
        good(await owner.patch("/api/users/ann", json={"role": "guest"}))
        assert (await stranger.get(path)).status_code == 404
        good(await owner.patch("/api/users/ann", json={"role": "member"}))
        assert (await stranger.get(path)).status_code == 200
        good(await owner.patch("/api/users/ann", json={"disabled": True}))
        assert (await stranger.get(path)).status_code == 404


@pytest.mark.parametrize(
    "body",
    [
        {"kind": "user"},
        {"kind": "asset", "target": 5},
        {"expires_in_hours": 0},
        {"expires_in_hours": 8761},
        {"expires_in_hours": None},
        {"password": "short"},
        {"password": 7},
        {"runs_per_hour": 0},
        {"runs_per_hour": 1001},
        {"runs_total": 0},
        {"with_recipe": "yes"},
        {"label": "x" * 121},
        {"label": "a\x07"},
        {"fields": "prompt"},
        {"colour": "red"},
    ],
    ids=str,
)
async def test_a_wrong_wish_is_refused_and_nothing_is_shared(
    tmp_path: Path, body: dict[str, Any]
) -> None:
    async with shelf(tmp_path) as stores:
        [asset] = await stores.add()
    async with open_house(tmp_path) as house, house.client() as owner:
        wish = {"kind": "asset", "target": asset, **body}
        answer = await owner.post("/api/share-links", json=wish)
        assert (answer.status_code, code_of(answer)) == (422, "invalid_request")
        assert await links(owner) == []


async def test_what_is_no_picture_or_lies_in_the_trash_is_not_shared(tmp_path: Path) -> None:
    async with shelf(tmp_path) as stores:
        [text] = await stores.add(data=b"some words", content_type="text/plain")
        [gone] = await stores.add(data=fresh_png())
    async with open_house(tmp_path) as house, house.client() as owner:
        await indexed(owner, 2)
        await act(owner, [gone], "trash")
        for target, status in ((text, 422), (gone, 404), ("x", 404)):
            body = {"kind": "asset", "target": target}
            assert (await owner.post("/api/share-links", json=body)).status_code == status
        for kind in ("board", "preset"):
            body = {"kind": kind, "target": gone}
            assert (await owner.post("/api/share-links", json=body)).status_code == 404


async def test_the_page_of_a_link_is_open_and_asks_not_to_be_found(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house, visitor(house) as guest:
        answer = await guest.get("/s/" + "x" * 43)
        assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-store")
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert "noindex" in answer.headers["x-robots-tag"]
        policy = answer.headers["content-security-policy"]
        assert "default-src 'self'" in policy
        assert "require-trusted-types-for 'script'" in policy
        assert (await guest.get("/s/short")).status_code == 401


async def activity(house: House) -> list[tuple[str, str]]:
    async with house.client() as owner:
        entries = good(await owner.get("/api/activity"))["items"]
        return [
            (one["kind"], one["subject"]) for one in entries if one["kind"].startswith("share.")
        ]


async def test_what_was_done_with_links_is_written_down(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house, house.client() as owner:
        preset = await save(owner)
        await shared(owner, "preset", preset["id"], label="Draw me")
        [link] = await links(owner)
        good(await owner.patch(f"/api/share-links/{link['id']}", json={"expires_in_hours": 1}))
        await owner.delete(f"/api/share-links/{link['id']}")
        assert sorted(await activity(house)) == [
            ("share.changed", "Draw me"),
            ("share.created", "Draw me"),
            ("share.revoked", "Draw me"),
        ]


async def test_a_small_picture_costs_no_cleaning_of_the_large_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with shelf(tmp_path) as stores:
        [asset] = await stores.add(data=telling_png())
    looked = []

    def cleaning(_: object) -> list[object]:
        looked.append(1)
        return []

    monkeypatch.setattr(share_files, "cleaning", cleaning)
    async with open_house(tmp_path) as house, house.client() as owner, visitor(house) as guest:
        path = f"{await shared(owner, 'asset', asset)}/pictures/{asset}"
        assert (await guest.get(f"{path}/thumbnail")).status_code == 200
        assert looked == []
        assert (await guest.get(f"{path}/content")).status_code == 200
        assert looked == [1]
