"""Job packages: one ZIP with everything that made and came of a job."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import PurePosixPath

import httpx
import pytest

from studio.services.zip_stream import EntryNames
from tests.api.graphs import fresh_png, invert, run, solid, submit, upload, wait_ended
from tests.security.tables import BAD_NAMES

ASSET_ID = "0f7f2d3e-0000-4000-8000-000000000000"


def open_package(client: httpx.Client, job_id: str) -> zipfile.ZipFile:
    answer = client.get(f"/api/jobs/{job_id}/package")
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/zip"
    assert answer.headers["content-disposition"] == f'attachment; filename="job-{job_id}.zip"'
    archive = zipfile.ZipFile(io.BytesIO(answer.content))
    assert archive.testzip() is None
    return archive


def test_a_package_holds_description_inputs_and_outputs(owner: httpx.Client) -> None:
    data = fresh_png()
    source = upload(owner, data, "trip/source.png")
    graph = invert("trip/source.png", "albums/inverted")
    job = run(owner, graph, title="Packed")
    archive = open_package(owner, job["id"])
    [output] = job["outputs"]
    assert archive.namelist() == [
        "job.json",
        "inputs/trip/source.png",
        "outputs/albums/inverted_00001_.png",
    ]
    assert archive.read("inputs/trip/source.png") == data
    assert archive.read("outputs/albums/inverted_00001_.png") == owner.get(output["url"]).content
    description = json.loads(archive.read("job.json"))
    assert description["title"] == "Packed"
    assert description["workflow"] == graph
    assert [entry["asset_id"] for entry in description["files"]] == [source["id"], output["id"]]


def test_a_package_gives_nobody_a_key_to_anything(owner: httpx.Client) -> None:
    job = run(owner, solid())
    text = open_package(owner, job["id"]).read("job.json").decode()
    assert "signature=" not in text
    assert "/api/" not in text


def test_a_job_without_outputs_has_a_package_too(paused: httpx.Client) -> None:
    job = submit(paused, solid())
    assert open_package(paused, job["id"]).namelist() == ["job.json"]
    paused.post(f"/api/jobs/{job['id']}/cancel")
    assert wait_ended(paused, job["id"])["status"] == "canceled"
    assert open_package(paused, job["id"]).namelist() == ["job.json"]


def test_a_package_comes_as_a_stream(owner: httpx.Client) -> None:
    job = run(owner, solid(size=256))
    with owner.stream("GET", f"/api/jobs/{job['id']}/package") as answer:
        assert "content-length" not in answer.headers
        assert answer.headers["transfer-encoding"] == "chunked"
        assert next(answer.iter_raw()).startswith(b"PK")


def test_files_of_one_name_all_find_room() -> None:
    names = EntryNames()
    taken = [names.take("outputs", "picture.png", ASSET_ID) for _ in range(3)]
    assert taken == ["outputs/picture.png", "outputs/picture-2.png", "outputs/picture-3.png"]


@pytest.mark.parametrize("name", BAD_NAMES, ids=lambda name: ascii(name)[:30])
def test_no_name_of_an_output_leads_an_unpacker_astray(name: str) -> None:
    entry = EntryNames().take("outputs", name, ASSET_ID)
    path = PurePosixPath(entry)
    assert path.parts[0] == "outputs"
    assert ".." not in path.parts
    assert path.parts[1] == ASSET_ID
