"""Workflows on engines: what they make, also for people who may run no graphs of their own."""

from __future__ import annotations

import io
import json
from typing import Any

import httpx
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from studio.graphs.seeds import MAX_SEED
from tests.api.graphs import (
    CHECKPOINT,
    events_of,
    fresh_color,
    png,
    upload,
    wait_ended,
    wait_for_library,
)
from tests.api.studio_process import RunningStudio


def files(client: httpx.Client, *pictures: tuple[str, tuple[int, int]]) -> list[dict[str, str]]:
    return [
        {"asset": upload(client, png(color, size), f"{fresh_color()}.png")["id"]}
        for color, size in pictures
    ]


def pictures_of(
    client: httpx.Client, workflow: str, values: dict[str, Any], **fields: Any
) -> list[Image.Image]:
    """The outputs of one run, in the order of their nodes."""
    answer = client.post(f"/api/workflows/{workflow}/run", json={"values": values, **fields})
    assert answer.status_code == 201, answer.text
    [job] = answer.json()["jobs"]
    events_of(client, job["id"])  # to its end: without a GPU a real engine takes its time
    ended = wait_ended(client, job["id"])
    assert ended["status"] == "succeeded", ended["error"]
    outputs = sorted(ended["outputs"], key=lambda output: str(output["node_id"]))
    return [
        Image.open(io.BytesIO(client.get(f"/api/v2/assets/{output['id']}/content").content))
        for output in outputs
    ]


def guest(studio: RunningStudio) -> httpx.Client:
    return studio.client(studio.make_key("jobs", "assets"))


@pytest.mark.parametrize(
    ("values", "sizes"),
    [
        ({"mode": "width", "width": 60}, [(60, 30), (60, 120)]),
        ({"mode": "crop", "width": 50, "height": 40}, [(50, 40), (50, 40)]),
        ({"mode": "factor", "factor": 2.0}, [(80, 40), (40, 80)]),
    ],
)
def test_many_pictures_are_resized_in_one_job(
    any_studio: RunningStudio, values: dict[str, Any], sizes: list[tuple[int, int]]
) -> None:
    with guest(any_studio) as client:
        images = files(client, ("red", (40, 20)), ("blue", (20, 40)))
        made = pictures_of(client, "batch-resize", {"images": images, **values})
        assert [picture.size for picture in made] == sizes


def test_a_contact_sheet_has_every_picture_in_its_place(any_studio: RunningStudio) -> None:
    with guest(any_studio) as client:
        images = files(client, ("red", (40, 20)), ("lime", (20, 40)), ("blue", (30, 30)))
        values = {"images": images, "columns": 2, "cell": 32, "gap": 4}
        [sheet] = pictures_of(client, "contact-sheet", values)
        assert sheet.size == (2 * 36 + 4, 2 * 36 + 4)
        places = [(20, 20), (56, 20), (20, 56), (56, 56), (1, 1)]
        assert [sheet.convert("RGB").getpixel(place) for place in places] == [
            (255, 0, 0),
            (0, 255, 0),
            (0, 0, 255),
            (255, 255, 255),
            (255, 255, 255),
        ]


def test_a_prompt_makes_a_picture_with_the_checkpoint_that_is_there(
    any_studio: RunningStudio,
) -> None:
    with guest(any_studio) as client:
        form = client.get("/api/workflows/text-to-image").json()["form"]
        [checkpoint] = [each for each in form if each["id"] == "checkpoint"]
        assert {"value": CHECKPOINT} in checkpoint["options"]
        assert checkpoint["default"] == CHECKPOINT
        # What the engine declares is more than a run takes, and than JSON's numbers carry exactly.
        [seed] = [each for each in form if each["id"] == "seed"]
        assert seed["max"] == MAX_SEED
        values = {"prompt": "a heron", "steps": 1, "size": {"width": 64, "height": 128}}
        [picture] = pictures_of(client, "text-to-image", values)
        assert picture.size == (64, 128)
        assert client.get("/api/workflows/text-to-image/readiness").json()["state"] == "ready"


def test_what_is_missing_is_said_with_what_would_fix_it(any_studio: RunningStudio) -> None:
    with guest(any_studio) as client:
        missing = client.get("/api/workflows/qwen-image/readiness").json()
        assert missing["state"] == "missing"
        assert {model["fix"]["action"] for model in missing["missing_models"]} == {"download"}
        assert len(missing["missing_models"]) == 3
        [item] = client.get("/api/workflows?q=qwen-image+chinese").json()["items"]
        assert item["readiness"]["missing_models"] == 3


def test_a_picture_that_carries_its_workflow_becomes_one(any_studio: RunningStudio) -> None:
    graph = {
        "1": {
            "class_type": "EmptyImage",
            "inputs": {"width": 32, "height": 16, "batch_size": 1, "color": fresh_color()},
        },
        "2": {
            "class_type": "SaveImage",
            "inputs": {
                "images": ["1", 0],
                "filename_prefix": "studio/0b8f1c9e-1111-4222-8333-944445555666/mine",
            },
        },
    }
    info = PngInfo()
    info.add_text("prompt", json.dumps(graph))
    out = io.BytesIO()
    Image.new("RGB", (4, 4)).save(out, "PNG", pnginfo=info)
    with any_studio.client() as owner:
        dropped = {"file": ("my_picture.png", out.getvalue())}
        answer = owner.post("/api/workflows/import", files=dropped)
        assert answer.status_code == 201, answer.text
        made = answer.json()
        assert made["name"] == "My picture"
        assert made["graph"]["2"]["inputs"]["filename_prefix"] == "mine"
        assert [each["id"] for each in made["form"]] == ["size", "batch_size"]
        values = {"size": {"width": 48, "height": 24}}
        [picture] = pictures_of(owner, made["id"], values)
        assert picture.size == (48, 24)


def test_what_the_editor_saves_is_converted_and_runs(any_studio: RunningStudio) -> None:
    saved: dict[str, Any] = {
        "last_node_id": 2,
        "last_link_id": 1,
        "version": 0.4,
        "nodes": [
            {
                "id": 1,
                "type": "EmptyImage",
                "inputs": [],
                "outputs": [{"name": "IMAGE", "type": "IMAGE", "links": [1]}],
                "widgets_values": [40, 20, 1, fresh_color()],
                "mode": 0,
            },
            {
                "id": 2,
                "type": "SaveImage",
                "inputs": [{"name": "images", "type": "IMAGE", "link": 1}],
                "outputs": [],
                "widgets_values": ["mine"],
                "mode": 0,
            },
        ],
        "links": [[1, 1, 0, 2, 0, "IMAGE"]],
    }
    with any_studio.client() as owner:
        found = owner.post("/api/workflows/inspect", json=saved).json()
        assert (found["format"], found["ui"], found["problems"]) == ("ui", True, [])
        assert found["readiness"]["state"] == "ready"
        body = {"manifest": found["proposal"], "graph": saved}
        made = owner.post("/api/workflows", json=body).json()
        assert made["graph"] == found["graph"]
        [picture] = pictures_of(owner, made["id"], {})
        assert picture.size == (40, 20)
        proposed = owner.post("/api/workflows", json={"graph": saved}).json()
        assert proposed["graph"] == found["graph"]
        saved["nodes"][0]["widgets_values"][0] = 48
        body |= {"base_version": 1}
        later = owner.put(f"/api/workflows/{made['id']}", json=body).json()
        assert (later["head"], later["graph"]["1"]["inputs"]["width"]) == (2, 48)


def test_the_cover_of_a_workflow_is_the_newest_picture_that_the_caller_made(
    studio: RunningStudio,
) -> None:
    with studio.client() as owner, studio.client() as other:
        made = owner.post("/api/workflows/contact-sheet/copy", json={}).json()
        where = f"/api/workflows/{made['id']}"
        assert made["cover"] is None
        for color in ("red", "blue"):
            values = {"images": files(owner, (color, (8, 8)))}
            [job] = owner.post(f"{where}/run", json={"values": values}).json()["jobs"]
            [output] = wait_ended(owner, job["id"])["outputs"]
            wait_for_library(owner, output["id"])
            assert cover(owner, where) == output["id"]
        listed = {item["id"]: item["cover"] for item in other.get("/api/workflows").json()["items"]}
        assert listed[made["id"]] == output["id"]
        body = {"ids": [output["id"]], "action": "trash"}
        owner.post("/api/library/actions", json=body)
        assert cover(owner, where) not in (None, output["id"])


def cover(client: httpx.Client, where: str) -> str | None:
    found: str | None = client.get(where).json()["cover"]
    return found


def test_a_retry_has_the_recipe_of_what_it_repeats(owner: httpx.Client) -> None:
    images = files(owner, ("red", (4, 4)))
    body = {"values": {"images": images, "mode": "factor"}}
    [job] = owner.post("/api/workflows/batch-resize/run", json=body).json()["jobs"]
    wait_ended(owner, job["id"])
    again = owner.post(f"/api/jobs/{job['id']}/retry", json={}).json()
    recipes = [owner.get(f"/api/jobs/{each['id']}").json()["recipe"] for each in (job, again)]
    assert recipes[0] == recipes[1]
    assert recipes[0]["values"]["images"] == images
    other = owner.post(f"/api/jobs/{job['id']}/retry", json={"new_seed": True}).json()
    assert owner.get(f"/api/jobs/{other['id']}").json()["recipe"] is None
