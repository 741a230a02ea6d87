"""``/api/workflows``: kept as versions, seen by the right people, run with a recipe."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

import httpx
import pytest

from studio.store.workflow_folders import read_folders
from studio.workshop import SHIPPED
from tests.api.graphs import code_of
from tests.api.house import House
from tests.api.people import member_in
from tests.api.workflow_client import MANIFEST, create, names, save
from tests.unit.graphs.manifests.examples import diffusion


@pytest.fixture
async def owner(house: House) -> AsyncIterator[httpx.AsyncClient]:
    async with house.client() as client:
        yield client


async def test_the_shipped_workflows_are_there_for_everybody(house: House) -> None:
    async with member_in(house, "gus", role="guest") as guest:
        listed = (await guest.get("/api/workflows")).json()
        assert len(listed["items"]) == listed["total"] >= 12
        assert listed["faults"] == []
        assert all(item["shipped"] and item["owner"] is None for item in listed["items"])
        whole = (await guest.get("/api/workflows/text-to-image")).json()
        assert [each["id"] for each in whole["form"]][:2] == ["prompt", "negative"]
        assert "graph" not in whole
        assert (await guest.post("/api/workflows", json={})).status_code == 403


async def test_the_list_comes_in_pages_that_neither_repeat_nor_skip(
    owner: httpx.AsyncClient,
) -> None:
    for name in ("Same name", "same NAME", "A  b c", "Zebra"):
        await create(owner, manifest={**MANIFEST, "name": name})
    everything = (await owner.get("/api/workflows")).json()
    assert everything["next_cursor"] is None
    ids: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        query = {"limit": "3", "cursor": cursor}
        page = (await owner.get("/api/workflows", params=query)).json()
        assert page["total"] == everything["total"]
        ids += [item["id"] for item in page["items"]]
        if len(ids) == 3:
            # The place in the list outlives the workflow that held it.
            await owner.delete(f"/api/workflows/{ids[-1]}")
            everything["total"] -= 1
        cursor = page["next_cursor"]
    assert ids == [item["id"] for item in everything["items"]]
    for limit in ("0", "501", "x"):
        answer = await owner.get("/api/workflows", params={"limit": limit})
        assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid_request")


async def test_workflows_are_found_by_words_and_by_category(owner: httpx.AsyncClient) -> None:
    assert await names(owner, "?q=wan+scenes") == {"Scenes to video (Wan 2.2)"}
    assert await names(owner, "?category=tools") == {"Batch resize", "Contact sheet"}


async def test_every_save_is_a_version_with_author_time_and_comment(
    owner: httpx.AsyncClient,
) -> None:
    made = await create(owner, comment="first")
    assert (made["head"], made["manifest"]["id"]) == (1, made["id"])
    graph = diffusion()
    graph["3"]["inputs"]["steps"] = 30
    saved = (await save(owner, made, graph=graph, comment="more steps")).json()
    assert (saved["head"], saved["version"], saved["versions_count"]) == (2, 2, 2)
    path = f"/api/workflows/{made['id']}"
    items = (await owner.get(f"{path}/versions")).json()["items"]
    assert [(each["number"], each["comment"]) for each in items] == [
        (2, "more steps"),
        (1, "first"),
    ]
    assert {each["author_name"] for each in items} == {"owner"}
    diff = (await owner.get(f"{path}/diff?from=1&to=2")).json()
    assert [(each["input"], each["from"], each["to"]) for each in diff["values"]] == [
        ("steps", 20, 30)
    ]
    old = (await owner.get(f"{path}/versions/1")).json()
    assert old["graph"]["3"]["inputs"]["steps"] == 20
    assert (await owner.get(f"{path}?version=1")).json()["version"] == 1


async def test_an_earlier_version_is_restored_as_the_newest(owner: httpx.AsyncClient) -> None:
    made = await create(owner)
    changed = {**made["manifest"], "name": "Changed"}
    assert (await save(owner, made, manifest=changed)).json()["name"] == "Changed"
    path = f"/api/workflows/{made['id']}"
    restored = (await owner.post(f"{path}/versions/1/restore", json={})).json()
    assert (restored["head"], restored["name"]) == (3, "Mine")
    [newest, *_] = (await owner.get(f"{path}/versions")).json()["items"]
    assert newest["comment"] == "Version 1 restored"


async def test_whoever_saves_over_somebody_elses_save_is_told(owner: httpx.AsyncClient) -> None:
    made = await create(owner)
    assert (await save(owner, made)).status_code == 200
    answer = await save(owner, made)
    assert (answer.status_code, code_of(answer)) == (409, "version_conflict")
    assert answer.json()["error"]["details"] == {"head": 2, "base_version": 1}


async def test_a_private_workflow_is_its_owners_until_it_is_shared(house: House) -> None:
    async with member_in(house, "ann") as ann, member_in(house, "ben") as ben:
        made = await create(ann)
        path = f"/api/workflows/{made['id']}"
        assert (await ben.get(path)).status_code == 404
        assert "Mine" not in await names(ben)
        assert (await ann.patch(path, json={"shared": True})).json()["shared"] is True
        assert "Mine" in await names(ben)
        for answer in (
            await save(ben, made),
            await ben.delete(path),
            await ben.patch(path, json={"shared": False}),
            await ben.post(f"{path}/versions/1/restore", json={}),
        ):
            assert (answer.status_code, code_of(answer)) == (403, "forbidden")
        copied = (await ben.post(f"{path}/copy", json={"name": "Ben's"})).json()
        assert (copied["name"], copied["shared"], copied["head"]) == ("Ben's", False, 1)
        assert "Ben's" not in await names(ann)


async def test_a_workflow_goes_into_the_trash_and_comes_back(house: House) -> None:
    async with member_in(house, "ann") as ann, member_in(house, "ben") as ben:
        made = await create(ann, shared=True)
        path = f"/api/workflows/{made['id']}"
        assert (await ann.delete(path)).status_code == 204
        assert (await ann.get(path)).status_code == 404
        assert await names(ann, "?trashed=1") == {"Mine"}
        assert await names(ben, "?trashed=1") == set()
        answer = await ben.post(f"{path}/restore-from-trash")
        assert (answer.status_code, code_of(answer)) == (404, "not_found")
        assert (await ann.post(f"{path}/restore-from-trash")).json()["name"] == "Mine"
        assert "Mine" in await names(ben)


async def test_a_shipped_workflow_is_changed_or_hidden_by_the_owner_alone(house: House) -> None:
    async with house.client() as owner, member_in(house, "ann") as ann:
        shipped = (await ann.get("/api/workflows/upscale")).json()
        assert (await save(ann, shipped)).status_code == 403
        assert (await ann.delete("/api/workflows/upscale")).status_code == 403
        assert (await save(owner, shipped)).json()["head"] == 2
        assert (await owner.delete("/api/workflows/upscale")).status_code == 204
        assert "Upscale" not in await names(ann)
        assert (await owner.post("/api/workflows/upscale/restore-from-trash")).status_code == 200
        assert "Upscale" in await names(ann)


async def test_an_export_is_imported_as_it_was(owner: httpx.AsyncClient) -> None:
    exported = await owner.get("/api/workflows/contact-sheet/export")
    assert (
        'filename="contact-sheet.studio-workflow.json"' in exported.headers["content-disposition"]
    )
    assert exported.json().keys() == {"studio_workflow", "manifest", "graph"}
    answer = await owner.post("/api/workflows/import", files={"file": ("x.json", exported.content)})
    assert answer.status_code == 201, answer.text
    imported, original = answer.json(), (await owner.get("/api/workflows/contact-sheet")).json()
    assert imported["graph"] == original["graph"]
    assert {**imported["manifest"], "id": ""} == {**original["manifest"], "id": ""}
    assert (imported["shipped"], imported["owner"]) == (False, "owner")


async def test_the_files_of_a_folder_are_imported_together(owner: httpx.AsyncClient) -> None:
    [folder] = [each for each in read_folders([SHIPPED]) if each.name == "batch-resize"]
    files = [("files", ("batch-resize/manifest.yaml", folder.manifest))]
    for name, data in folder.blocks.items():
        files.append(("files", (f"batch-resize/blocks/{name}", data)))
    answer = await owner.post("/api/workflows/import", files=files)
    assert answer.status_code == 201, answer.text
    assert answer.json()["graph"]["blocks"].keys() == {
        "by_factor.json",
        "crop.json",
        "to_width.json",
    }


async def test_a_file_is_inspected_without_being_stored(owner: httpx.AsyncClient) -> None:
    before = await names(owner)
    answer = await owner.post(
        "/api/workflows/inspect?name=my_fox.json", content=json.dumps(diffusion())
    )
    found = answer.json()
    assert (found["format"], found["ui"], found["problems"]) == ("api", False, [])
    assert found["proposal"]["name"] == "My fox"
    assert found["graph"] == diffusion()
    assert await names(owner) == before


async def test_the_editors_format_needs_an_engine(owner: httpx.AsyncClient) -> None:
    answer = await owner.post("/api/workflows/inspect", json={"nodes": [], "links": []})
    assert (answer.status_code, code_of(answer)) == (503, "unavailable")


async def test_a_job_remembers_the_version_and_values_it_was_made_from(
    owner: httpx.AsyncClient,
) -> None:
    made = await create(owner)
    body = {"values": {"prompt": "a heron"}, "count": 2}
    answer = await owner.post(f"/api/workflows/{made['id']}/run", json=body)
    assert answer.status_code == 201, answer.text
    assert (await save(owner, made)).status_code == 200
    for job in answer.json()["jobs"]:
        assert (job["workflow_id"], job["title"]) == (made["id"], "a heron")
        shown = (await owner.get(f"/api/jobs/{job['id']}")).json()
        assert shown["recipe"] == {
            "workflow_id": made["id"],
            "version": 1,
            "values": {"prompt": "a heron"},
            "answers": {},
            "preset_id": None,
            "batch_id": None,
            "cell": None,
        }
    listed = (await owner.get(f"/api/jobs?workflow={made['id']}")).json()["jobs"]
    assert len(listed) == 2
    assert (await owner.get("/api/jobs?workflow=other")).json()["jobs"] == []


async def test_a_fixed_seed_counts_up_over_several_runs(owner: httpx.AsyncClient) -> None:
    values = {"prompt": "x", "checkpoint": "a", "seed": 41}
    body = {"values": values, "count": 3}
    answer = await owner.post("/api/workflows/text-to-image/run", json=body)
    seeds = []
    for job in answer.json()["jobs"]:
        seeds.append((await owner.get(f"/api/jobs/{job['id']}")).json()["recipe"]["values"]["seed"])
    assert seeds == [41, 42, 43]


async def test_a_key_used_again_makes_no_second_run(owner: httpx.AsyncClient) -> None:
    body = {"values": {"prompt": "x", "checkpoint": "a"}, "count": 2}
    headers = {"Idempotency-Key": "once"}
    path = "/api/workflows/text-to-image/run"
    assert (await owner.post(path, json=body, headers=headers)).status_code == 201
    answer = await owner.post(path, json=body, headers=headers)
    assert (answer.status_code, code_of(answer)) == (422, "idempotency_key_reuse")
    assert len((await owner.get("/api/jobs")).json()["jobs"]) == 2


async def test_a_graph_that_was_not_made_from_a_workflow_has_no_recipe(
    owner: httpx.AsyncClient,
) -> None:
    job = (await owner.post("/api/jobs", json={"workflow": diffusion()})).json()
    assert (await owner.get(f"/api/jobs/{job['id']}")).json()["recipe"] is None


async def test_a_draft_is_checked_without_storing_it(owner: httpx.AsyncClient) -> None:
    before = await names(owner)
    manifest = (
        "manifest: 1\nid: mine\nname: Mine\ninputs:\n  - id: steps\n    name: Steps\n"
        "    type: int\n    targets: [{ node: '3', class: KSampler, input: steps }]\n"
    )
    body = {"manifest": manifest, "graph": diffusion()}
    found = (await owner.post("/api/workflows/check", json=body)).json()
    assert (found["manifest"]["id"], found["form"][0]["name"]) == ("mine", "Steps")
    assert found["readiness"]["state"] == "unknown"
    body["manifest"] = manifest.replace("type: int", "type: words")
    refused = await owner.post("/api/workflows/check", json=body)
    assert code_of(refused) == "invalid_manifest"
    [problem] = refused.json()["error"]["details"]["problems"]
    assert (problem["line"], problem["path"]) == (7, "inputs[0].type")
    assert await names(owner) == before
