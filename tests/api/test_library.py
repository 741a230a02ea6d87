"""The library: what is found, by whom, and how the pages are cut."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.api.graphs import code_of, fresh_png, png, run, text_to_image, wait_for_library
from tests.api.graphs import upload as upload_now
from tests.api.house import House, open_house
from tests.api.pictures import act, found, indexed, key_of, page, shelf

LORA = "warm.safetensors"


def with_lora(text: str) -> dict[str, Any]:
    graph = text_to_image(text, seed=2**63 + 5, steps=12)
    graph["8"] = {
        "class_type": "LoraLoader",
        "inputs": {
            "model": ["1", 0],
            "clip": ["1", 1],
            "lora_name": LORA,
            "strength_model": 0.8,
            "strength_clip": 0.5,
        },
    }
    graph["5"]["inputs"]["model"] = ["8", 0]
    return graph


@pytest.fixture
async def furnished(tmp_path: Path) -> AsyncIterator[tuple[House, dict[str, list[str]]]]:
    """A house that had pictures before it had a library."""
    made: dict[str, list[str]] = {}
    async with shelf(tmp_path) as stores:
        await stores.add_user("ann")
        made["fox"] = await stores.add("a red fox", outputs=2, days_ago=3, workflow_id="flux")
        made["boat"] = await stores.add(
            graph=with_lora("a blue boat"), data=png(size=(40, 30)), days_ago=2, title="Harbour"
        )
        made["ann"] = await stores.add("a red fox of Ann's", user_id="ann", days_ago=1)
    async with open_house(tmp_path) as house, house.client() as owner:
        await indexed(owner, 4)
        yield house, made


async def test_what_was_there_before_the_library_is_found_with_all_its_facts(
    furnished: tuple[House, dict[str, list[str]]],
) -> None:
    house, made = furnished
    async with house.client() as owner:
        [item] = await page(owner, q="boat")
        assert item["id"] == made["boat"][0]
        assert (item["width"], item["height"], item["kind"]) == (40, 30, "image")
        assert item["seed"] == 2**63 + 5
        assert item["title"] == "Harbour"
        assert item["prompt"].startswith("a blue boat")
        assert item["user"] == {"id": "owner", "name": "owner"}
        assert (item["rating"], item["favourite"], item["boards"]) == (0, False, [])
        for name, content_type in (
            ("thumbnail", "image/webp"),
            ("preview", "image/webp"),
            ("content", "image/png"),
        ):
            answer = await owner.get(item[name])
            assert (answer.status_code, answer.headers["content-type"]) == (200, content_type)
            assert "immutable" in answer.headers["cache-control"]


async def test_each_filter_finds_what_it_says(
    furnished: tuple[House, dict[str, list[str]]],
) -> None:
    house, made = furnished
    fox, boat, ann = made["fox"], made["boat"], made["ann"]
    async with house.client() as owner:
        for query, expected in (
            ({"q": "fox"}, fox + ann),
            ({"q": "RED fo"}, fox + ann),
            ({"q": "fox boat"}, []),
            ({"q": "harbour"}, boat),
            ({"q": "picture_00002"}, fox[1:]),
            ({"q": '"*'}, []),
            ({"q": "%"}, []),
            ({"model": "embedded-demo.safetensors"}, fox + boat + ann),
            ({"lora": LORA}, boat),
            ({"seed": str(2**63 + 5)}, boat),
            ({"width": "40", "height": "30"}, boat),
            ({"width": "41"}, []),
            ({"workflow": "flux"}, fox),
            ({"user": "ann"}, ann),
            ({"kind": "image"}, fox + boat + ann),
            ({"kind": "video"}, []),
            ({"rating": "1"}, []),
            ({"favourite": "1"}, []),
            ({"preset": "none"}, []),
            ({"batch": "none"}, []),
            ({"board": "none"}, []),
            ({"trashed": "1"}, []),
            ({"source": "upload"}, []),
            ({"from": "2000-01-01T00:00:00Z"}, fox + boat + ann),
            ({"to": "2000-01-01T00:00:00Z"}, []),
        ):
            assert await found(owner, **query) == sorted(expected), query
        at = (await page(owner, q="boat"))[0]["created_at"]
        assert await found(owner, **{"from": at}) == sorted(boat + ann)
        assert await found(owner, to=at) == sorted(fox)


async def test_pages_are_cut_and_sorted_as_asked_and_say_how_many_there_are(
    furnished: tuple[House, dict[str, list[str]]],
) -> None:
    house, made = furnished
    newest = made["ann"] + made["boat"] + made["fox"]
    async with house.client() as owner:
        assert [one["id"] for one in await page(owner)] == newest
        oldest = made["fox"] + made["boat"] + made["ann"]
        assert [one["id"] for one in await page(owner, sort="oldest")] == oldest
        await act(owner, made["fox"][:1], "rate", 5)
        assert [one["id"] for one in await page(owner, sort="rating")] == [
            made["fox"][0],
            *[one for one in newest if one != made["fox"][0]],
        ]
        for start in range(6):
            answer = await owner.get(f"/api/library?start={start}&limit=2")
            assert [one["id"] for one in answer.json()["items"]] == newest[start : start + 2]
            assert answer.json()["total"] == 4


async def test_nobody_sees_the_library_of_others_but_the_owner(
    furnished: tuple[House, dict[str, list[str]]],
) -> None:
    house, made = furnished
    async with house.client(await key_of(house, "ann")) as ann:
        assert await found(ann) == made["ann"]
        assert await found(ann, user="owner") == []
        facets = (await ann.get("/api/library/facets")).json()
        assert facets["loras"] == []
        assert [one["count"] for one in facets["models"]] == [1]
        assert [one["id"] for one in facets["users"]] == ["ann"]
        other = made["fox"][0]
        for method, body in (("GET", None), ("PATCH", {"rating": 1})):
            answer = await ann.request(method, f"/api/library/{other}", json=body)
            assert (answer.status_code, code_of(answer)) == (404, "not_found")
        for action in ("trash", "favourite"):
            assert await act(ann, [other], action) == {
                "changed": 0,
                "not_found": [other],
                "refused": [],
            }
        answer = await ann.post("/api/library/zip", json={"ids": [other]})
        assert (answer.status_code, code_of(answer)) == (404, "not_found")
        answer = await ann.get("/api/library/rules")
        assert (answer.status_code, code_of(answer)) == (403, "forbidden")


async def test_a_file_tells_every_parameter_and_the_graph_to_those_who_may_run_graphs(
    furnished: tuple[House, dict[str, list[str]]],
) -> None:
    house, made = furnished
    async with house.client() as owner:
        detail = (await owner.get(f"/api/library/{made['boat'][0]}")).json()
        assert detail["parameters"] == {
            "steps": 12,
            "cfg": 7.0,
            "sampler_name": "euler",
            "scheduler": "normal",
            "denoise": 1.0,
            "width": 64,
            "height": 64,
            "batch_size": 1,
        }
        assert detail["models"] == ["embedded-demo.safetensors"]
        assert detail["loras"] == [{"file": LORA, "strength": 0.8, "strength_clip": 0.5}]
        assert detail["job"]["title"] == "Harbour"
        assert detail["graph"] == with_lora("a blue boat")
        key = await owner.post("/api/keys", json={"name": "eyes", "scopes": ["assets"]})
    async with house.client(key.json()["key"]) as eyes:
        detail = (await eyes.get(f"/api/library/{made['boat'][0]}")).json()
        assert "graph" not in detail
        assert detail["parameters"]["steps"] == 12


async def test_facets_count_what_there_is_to_filter_by(
    furnished: tuple[House, dict[str, list[str]]],
) -> None:
    house, _ = furnished
    async with house.client() as owner:
        assert (await owner.get("/api/library/facets")).json() == {
            "models": [{"value": "embedded-demo.safetensors", "count": 4}],
            "loras": [{"value": LORA, "count": 1}],
            "workflows": [{"value": "flux", "count": 2}],
            "kinds": [{"value": "image", "count": 4}],
            "users": [
                {"id": "owner", "name": "owner", "count": 3},
                {"id": "ann", "name": "ann", "count": 1},
            ],
        }


async def test_a_file_is_rated_named_and_favoured(
    furnished: tuple[House, dict[str, list[str]]],
) -> None:
    house, made = furnished
    one = made["fox"][0]
    async with house.client() as owner:
        answer = await owner.patch(
            f"/api/library/{one}", json={"rating": 4, "favourite": True, "title": "  The  Ör-Fox "}
        )
        assert answer.status_code == 200, answer.text
        assert answer.json()["title"] == "The Ör-Fox"
        assert await found(owner, rating="4") == [one]
        assert await found(owner, favourite="1", q="ÖR-") == [one]
        answer = await owner.patch(f"/api/library/{one}", json={"favourite": False})
        assert (answer.json()["rating"], answer.json()["favourite"]) == (4, False)


@pytest.mark.parametrize(
    "body",
    [
        {"rating": 6},
        {"rating": -1},
        {"rating": True},
        {"rating": "5"},
        {"favourite": 1},
        {"title": 5},
        {"title": "x" * 201},
        {"title": "a\x00b"},
        {"colour": "red"},
    ],
    ids=str,
)
async def test_a_wrong_change_is_refused_and_changes_nothing(
    furnished: tuple[House, dict[str, list[str]]], body: dict[str, Any]
) -> None:
    house, made = furnished
    async with house.client() as owner:
        before = await page(owner)
        answer = await owner.patch(f"/api/library/{made['fox'][0]}", json=body)
        assert (answer.status_code, code_of(answer)) == (422, "invalid_request")
        assert await page(owner) == before


@pytest.mark.parametrize(
    "query",
    [
        "sort=loud",
        "kind=picture",
        "source=both",
        "rating=6",
        "favourite=yes",
        "limit=501",
        "limit=0",
        "start=-1",
        "seed=-1",
        "seed=18446744073709551616",
        "from=yesterday",
        "width=0",
    ],
)
async def test_a_wrong_filter_is_refused_by_name(tmp_path: Path, query: str) -> None:
    async with open_house(tmp_path) as house, house.client() as owner:
        answer = await owner.get(f"/api/library?{query}")
        assert (answer.status_code, code_of(answer)) == (400, "invalid_request")
        assert query.partition("=")[0] in answer.json()["error"]["message"]


async def test_uploads_are_a_shelf_of_their_own(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house, house.client() as owner:
        answer = await owner.post(
            "/api/v2/assets",
            files={"file": ("x", png(size=(9, 7)), "image/png")},
            data={"content_type": "image/png", "file_path": "trips/Mountain.png"},
        )
        [item] = await indexed(owner, 1, source="upload", q="mountain")
        assert (item["id"], item["job_id"]) == (answer.json()["id"], None)
        assert (item["width"], item["height"]) == (9, 7)
        assert await found(owner) == []
        detail = (await owner.get(f"/api/library/{item['id']}")).json()
        assert (detail["job"], detail["parameters"], detail["recipe"]) == (None, {}, None)


def test_what_a_job_makes_is_in_the_library_a_moment_later(owner: httpx.Client) -> None:
    job = run(owner, text_to_image("a heron in the reeds", seed=77), title="Reeds")
    item = wait_for_library(owner, job["outputs"][0]["id"])
    assert (item["job_id"], item["seed"], item["title"]) == (job["id"], 77, "Reeds")
    source = upload_now(owner, fresh_png(), "heron-source.png")
    assert wait_for_library(owner, source["id"])["name"] == "heron-source.png"


async def test_an_outline_has_the_shape_of_all_pages_and_their_days(
    furnished: tuple[House, dict[str, list[str]]],
) -> None:
    house, _ = furnished
    async with house.client() as owner, house.client(await key_of(house, "ann")) as ann:
        items = await page(owner)
        outline = (await owner.get("/api/library/outline")).json()
        assert outline["total"] == len(items) == 4
        assert outline["ratios"] == [item["width"] * 100 // item["height"] for item in items]
        assert 133 in outline["ratios"]
        days = [item["created_at"][:10] for item in items]
        assert [each["count"] for each in outline["days"]] == [1, 1, 2]
        assert [each["day"] for each in outline["days"]] == sorted(set(days), reverse=True)
        at = datetime.fromisoformat(items[0]["created_at"])
        minutes = 24 * 60 - (at.hour * 60 + at.minute)
        later = (await owner.get(f"/api/library/outline?utc_offset={minutes % 841}")).json()
        clock = timezone(timedelta(minutes=minutes % 841))
        assert later["days"][0]["day"] == at.astimezone(clock).date().isoformat()
        boats = (await owner.get("/api/library/outline?q=boat")).json()
        assert (boats["total"], boats["ratios"]) == (1, [133])
        assert (await owner.get("/api/library/outline?sort=rating")).json()["days"] == []
        assert (await ann.get("/api/library/outline")).json()["total"] == 1
        answer = await owner.get("/api/library/outline?utc_offset=99999")
        assert (answer.status_code, code_of(answer)) == (400, "invalid_request")
