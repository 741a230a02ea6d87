"""Shared forms beyond words: pictures while they are made, masks, LoRAs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from studio.models import Preview
from tests.api.graphs import code_of, fresh_png
from tests.api.house import House, open_house
from tests.api.presets import good, preset, save
from tests.api.shares import enter, links, shared, visitor
from tests.api.studio_process import RunningStudio, run_studio
from tests.api.test_share_forms import ANSWERS, form, send
from tests.fakes.model_files import LORA, put, safetensors

MASK_GRAPH = {
    "1": {"class_type": "LoadImage", "inputs": {"image": "example.png"}},
    "2": {"class_type": "LoadImageMask", "inputs": {"image": "mask.png", "channel": "red"}},
    "3": {"class_type": "ImageInvert", "inputs": {"image": ["1", 0]}},
    "4": {
        "class_type": "ImageCompositeMasked",
        "inputs": {
            "destination": ["1", 0],
            "source": ["3", 0],
            "mask": ["2", 0],
            **{"x": 0, "y": 0, "resize_source": False},
        },
    },
    "5": {"class_type": "SaveImage", "inputs": {"images": ["4", 0], "filename_prefix": "out"}},
}


def wanted(name: str, kind: str, node: str) -> dict[str, Any]:
    target = {"node": node, "input": "image"}
    return {"id": name, "name": name, "type": kind, "required": True, "targets": [target]}


MASK_MANIFEST = {
    "manifest": 1,
    "name": "Cut out",
    "inputs": [wanted("photo", "image", "1"), wanted("mask", "mask", "2")],
}


def show(house: House, preview: Preview | None) -> None:
    """The engine sent this of the only job."""
    [live] = house.accounts.quotas._queue.live.values()
    live.preview = preview


async def test_a_visitor_sees_their_own_picture_while_it_is_made(tmp_path: Path) -> None:
    async with (
        open_house(tmp_path) as house,
        house.client() as owner,
        visitor(house) as guest,
        visitor(house) as other,
    ):
        path = await shared(owner, "preset", (await save(owner))["id"])
        for client in (guest, other):
            await enter(client, path)
        run = good(await guest.post(f"{path}/runs", json=ANSWERS), 201)
        address = f"{path}/runs/{run['id']}"
        assert run["preview"] is None
        assert code_of(await guest.get(f"{address}/preview")) == "not_found"
        versions = set()
        for data in (b"first", b"second"):
            show(house, Preview("9", "image/jpeg", data))
            versions.add(good(await guest.get(address))["preview"])
            answer = await guest.get(f"{address}/preview")
            assert (answer.content, answer.headers["content-type"]) == (data, "image/jpeg")
            assert answer.headers["cache-control"] == "no-store"
        assert len(versions - {None}) == 2
        assert (await other.get(f"{address}/preview")).status_code == 404
        show(house, Preview("9", "text/html", b"<script>"))
        assert (await guest.get(f"{address}/preview")).status_code == 404


async def test_a_link_shows_nothing_unfinished_where_its_maker_wants_that(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house, house.client() as owner, visitor(house) as guest:
        path = await shared(owner, "preset", (await save(owner))["id"], with_previews=False)
        await enter(guest, path)
        address = f"{path}/runs/{good(await guest.post(f'{path}/runs', json=ANSWERS), 201)['id']}"
        show(house, Preview("9", "image/jpeg", b"unfinished"))
        assert good(await guest.get(address))["preview"] is None
        assert (await guest.get(f"{address}/preview")).status_code == 404
        [link] = await links(owner)
        assert link["with_previews"] is False
        changed = await owner.patch(f"/api/share-links/{link['id']}", json={"with_previews": True})
        assert good(changed)["with_previews"] is True
        assert (await guest.get(f"{address}/preview")).content == b"unfinished"
        answer = await owner.patch(f"/api/share-links/{link['id']}", json={"with_previews": "no"})
        assert (answer.status_code, code_of(answer)) == (422, "invalid_request")


async def test_a_link_that_is_withdrawn_shows_no_run_any_more(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house, house.client() as owner, visitor(house) as guest:
        path = await shared(owner, "preset", (await save(owner))["id"])
        await enter(guest, path)
        run = good(await guest.post(f"{path}/runs", json=ANSWERS), 201)
        show(house, Preview("9", "image/jpeg", b"unfinished"))
        [link] = await links(owner)
        assert (await owner.delete(f"/api/share-links/{link['id']}")).status_code == 204
        for address in ("", "/runs", f"/runs/{run['id']}", f"/runs/{run['id']}/preview"):
            answer = await guest.get(f"{path}{address}")
            assert (answer.status_code, code_of(answer)) == (404, "share_gone"), address
        # What was accepted is still its maker's job, and goes on.
        assert good(await owner.get("/api/queue"))["depth"] == 1


async def test_a_mask_is_sent_like_a_picture(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house, house.client() as owner, visitor(house) as guest:
        body = {"manifest": MASK_MANIFEST, "graph": MASK_GRAPH}
        workflow = good(await owner.post("/api/workflows", json=body), 201)
        made = {"name": "Cut out", "workflow_id": workflow["id"]}
        preset_id = good(await owner.post("/api/presets", json=made), 201)["id"]
        path = await shared(owner, "preset", preset_id)
        assert [field["type"] for field in (await form(guest, path))["fields"]] == ["image", "mask"]
        photo = {"file": good(await send(guest, path, fresh_png()), 201)["id"]}
        answer = await guest.post(f"{path}/runs", json={"values": {"photo": photo}})
        assert (answer.status_code, code_of(answer)) == (422, "invalid_value")
        mask = {"file": good(await send(guest, path, fresh_png()), 201)["id"]}
        values = {"photo": photo, "mask": mask}
        good(await guest.post(f"{path}/runs", json={"values": values}), 201)


# -- LoRAs, on a Studio that has some -------------------------------------------------------------


@pytest.fixture(scope="module")
def dressed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStudio]:
    """A Studio with three LoRAs."""
    folder = tmp_path_factory.mktemp("loras")
    for name in ("own", "secret-folder/ink", "film"):
        put(folder / f"models/loras/{name}.safetensors", safetensors(LORA, {}))
    with run_studio(folder, {"MODEL_DIR": str(folder / "models")}) as running:
        yield running


def lent(owner: httpx.Client, **fields: Any) -> str:
    """The path of a link to a preset that has a LoRA of its own."""
    values = {"loras": [{"file": "own.safetensors", "strength": 0.5}]}
    made = good(owner.post("/api/presets", json=preset(values=values)), 201)
    body = {"kind": "preset", "target": made["id"], **fields}
    url = good(owner.post("/api/share-links", json=body), 201)["url"]
    return f"/api/shares/{url.rpartition('/')[2]}"


def test_visitors_add_loras_only_where_the_maker_opens_that(dressed: RunningStudio) -> None:
    with dressed.client() as owner, dressed.client(None) as stranger:
        closed, path = lent(owner), lent(owner, fields=["loras"])
        assert good(stranger.post(f"{closed}/visit", json={}))["form"]["fields"] == []
        answer = stranger.post(f"{path}/visit", json={})
        assert "secret-folder" not in answer.text
        [field] = good(answer)["form"]["fields"]
        assert (field["default"], field["required"]) == (None, False)
        by_name = {option["label"]: option["value"] for option in field["options"]}
        assert by_name.keys() >= {"own", "ink", "film"}
        for wrong in (
            [{"lora": "secret-folder/ink.safetensors"}],
            [{"file": "film.safetensors"}],
            [{"lora": by_name["ink"], "strength": 50}],
            [{"lora": by_name["ink"], "strength": True}],
            [{"lora": by_name["ink"]}] * 5,
            [{"lora": ["x"]}],
            [by_name["ink"]],
            "ink",
        ):
            body = {"values": {"loras": wrong}, "answers": {"animal": "fox"}}
            refused = stranger.post(f"{path}/runs", json=body)
            assert (refused.status_code, code_of(refused)) == (422, "invalid_value"), wrong
        body = {"values": {"loras": [{"lora": by_name["ink"], "strength": 0.8}]}, **ANSWERS}
        run = good(stranger.post(f"{path}/runs", json=body), 201)
        assert "ink" not in str(run)
        [job] = [one for one in good(owner.get("/api/jobs"))["jobs"] if one["origin"] == "share"]
        graph = good(owner.get(f"/api/v2/jobs/{job['id']}/workflow"))["workflow"]
        names = ("lora_name", "strength_model")
        assert [
            tuple(node["inputs"][name] for name in names)
            for node in graph.values()
            if "lora_name" in node["inputs"]
        ] == [("own.safetensors", 0.5), ("secret-folder/ink.safetensors", 0.8)]
