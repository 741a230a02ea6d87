"""Folders of workflows: taken in at the start, updated, overlaid, and never half."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.api.house import House, open_house

MANIFEST = """manifest: 1
id: {id}
name: {name}
inputs:
  - id: width
    name: Width
    type: int
    default: 64
    targets: [{{ node: "1", class: EmptyImage, input: width }}]
"""
GRAPH = """{"1": {"class_type": "EmptyImage", "inputs": {"width": 8, "height": 8, "batch_size": 1,
"color": 0}}, "2": {"class_type": "SaveImage", "inputs": {"images": ["1", 0],
"filename_prefix": "x"}}}"""


def write(root: Path, name: str = "mine", *, shown: str = "Mine", graph: str = GRAPH) -> Path:
    folder = root / "house" / "workflows" / name
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "manifest.yaml").write_text(MANIFEST.format(id=name, name=shown))
    (folder / "workflow.json").write_text(graph)
    return folder


async def get(client: httpx.AsyncClient, name: str) -> dict[str, Any]:
    answer = await client.get(f"/api/workflows/{name}")
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def faults(house: House) -> list[dict[str, Any]]:
    async with house.client() as client:
        return list((await client.get("/api/workflows")).json()["faults"])


async def test_a_folder_of_the_owners_is_there_and_hides_its_shipped_namesake(
    tmp_path: Path,
) -> None:
    write(tmp_path)
    write(tmp_path, "upscale", shown="My upscaler")
    async with open_house(tmp_path) as house, house.client() as client:
        assert (await get(client, "mine"))["name"] == "Mine"
        assert (await get(client, "upscale"))["name"] == "My upscaler"
        assert await faults(house) == []


async def test_a_changed_folder_is_a_new_version_and_an_unchanged_one_is_none(
    tmp_path: Path,
) -> None:
    write(tmp_path)
    for shown, number in (("Mine", 1), ("Mine", 1), ("Newer", 2)):
        write(tmp_path, shown=shown)
        async with open_house(tmp_path) as house, house.client() as client:
            found = await get(client, "mine")
            assert (found["name"], found["head"], found["versions_count"]) == (
                shown,
                number,
                number,
            )
            assert found["update_available"] is False


async def test_an_update_does_not_replace_what_the_owner_has_saved(tmp_path: Path) -> None:
    write(tmp_path)
    async with open_house(tmp_path) as house, house.client() as client:
        found = await get(client, "mine")
        body = {
            "manifest": {**found["manifest"], "name": "Tuned"},
            "graph": found["graph"],
            "base_version": 1,
        }
        assert (await client.put("/api/workflows/mine", json=body)).status_code == 200
    write(tmp_path, shown="Newer")
    async with open_house(tmp_path) as house, house.client() as client:
        found = await get(client, "mine")
        assert (found["name"], found["head"], found["update_available"]) == ("Tuned", 2, True)
        restored = await client.post("/api/workflows/mine/versions/3/restore", json={})
        assert (restored.json()["name"], restored.json()["update_available"]) == ("Newer", False)


async def test_a_folder_that_is_gone_is_not_listed_until_it_is_back(tmp_path: Path) -> None:
    folder = write(tmp_path)
    async with open_house(tmp_path) as house, house.client() as client:
        await get(client, "mine")
    away = folder.rename(tmp_path / "away")
    async with open_house(tmp_path) as house, house.client() as client:
        assert (await client.get("/api/workflows/mine")).status_code == 404
    away.rename(folder)
    async with open_house(tmp_path) as house, house.client() as client:
        assert (await get(client, "mine"))["head"] == 1


@pytest.mark.parametrize(
    ("file", "text", "words"),
    [
        ("manifest.yaml", "manifest: 1\nid: mine\nname: [", "not valid YAML"),
        ("manifest.yaml", "manifest: 1\nid: other\nname: Other\n", "but its folder “mine”"),
        ("manifest.yaml", "manifest: 1\nid: mine\nname: X\nfoo: 1\n", "Line 4: foo"),
        ("workflow.json", "{", "workflow.json is not valid JSON"),
        ("workflow.json", '{"2": {"class_type": "A", "inputs": {}}}', "node 1 (EmptyImage)"),
        ("workflow.json", None, "neither workflow.json nor a pipeline"),
        ("manifest.yaml", None, "cannot be read"),
    ],
)
async def test_a_folder_with_a_fault_is_told_and_what_was_there_stays(
    tmp_path: Path, file: str, text: str | None, words: str
) -> None:
    folder = write(tmp_path)
    async with open_house(tmp_path):
        pass
    if text is None:
        (folder / file).unlink()
    else:
        (folder / file).write_text(text)
    async with open_house(tmp_path) as house, house.client() as client:
        [fault] = await faults(house)
        assert fault["folder"] == "mine"
        assert words in fault["message"]
        assert str(tmp_path) not in str(fault)
        found = await get(client, "mine")
        assert (found["name"], found["head"]) == ("Mine", 1)


async def test_a_huge_file_in_a_folder_is_refused(tmp_path: Path) -> None:
    write(tmp_path, graph=" " * (17 * 1024 * 1024))
    async with open_house(tmp_path) as house:
        [fault] = await faults(house)
        assert "larger than 16 MiB" in fault["message"]
