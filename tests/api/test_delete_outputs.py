"""Deleting one picture of a job that has ended."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests.api.graphs import code_of, fresh_color, invert, run, solid, submit, wait_ended
from tests.api.live_client import listen
from tests.api.studio_process import OWNER_KEY, RunningStudio


def two_pictures() -> dict[str, Any]:
    """Two save nodes over pictures of different colours."""
    first, second = solid("first"), solid("second", color=fresh_color())
    second["1"]["inputs"]["width"] = 24
    return {
        **first,
        "3": second["1"],
        "4": {
            "class_type": "SaveImage",
            "inputs": {"images": ["3", 0], "filename_prefix": "second"},
        },
    }


def ids_of(job: dict[str, Any]) -> list[str]:
    return [output["id"] for output in job["outputs"]]


def test_a_deleted_picture_is_gone_everywhere_and_its_sister_stays(owner: httpx.Client) -> None:
    job = run(owner, two_pictures())
    gone, kept = ids_of(job)
    assert owner.get(f"/api/assets/{gone}/thumbnail").status_code == 200
    [link] = [output["url"] for output in job["outputs"] if output["id"] == gone]
    assert owner.delete(f"/api/jobs/{job['id']}/outputs/{gone}").status_code == 204
    for path in (f"/api/v2/assets/{gone}", f"/api/v2/assets/{gone}/content", link):
        assert owner.get(path).status_code == 404
    assert owner.get(f"/api/assets/{gone}/thumbnail").status_code == 404
    assert owner.get(f"/api/v2/assets/{kept}/content").status_code == 200
    for shown in (
        owner.get(f"/api/jobs/{job['id']}").json(),
        owner.get(f"/api/v2/jobs/{job['id']}").json(),
        owner.get("/api/jobs", params={"limit": 1}).json()["jobs"][0],
    ):
        assert ids_of(shown) == [kept]
    again = owner.delete(f"/api/jobs/{job['id']}/outputs/{gone}")
    assert (again.status_code, code_of(again)) == (404, "not_found")


def test_the_bytes_stay_while_another_asset_has_them(owner: httpx.Client) -> None:
    job = run(owner, solid())
    [output] = job["outputs"]
    body = {"hash": output["hash"], "file_path": "kept.png"}
    other = owner.post("/api/v2/assets/from-hash", json=body).json()["id"]
    assert owner.delete(f"/api/jobs/{job['id']}/outputs/{output['id']}").status_code == 204
    assert owner.get(f"/api/v2/assets/{other}/content").status_code == 200
    assert owner.delete(f"/api/v2/assets/{other}").status_code == 204
    assert owner.head(f"/api/v2/assets/by-hash/{output['hash']}").status_code == 404


def test_only_an_output_of_that_very_job_is_deleted(owner: httpx.Client) -> None:
    one, other = run(owner, solid()), run(owner, solid())
    [asset] = ids_of(one)
    for path in (f"/api/jobs/{other['id']}/outputs/{asset}", f"/api/jobs/{asset}/outputs/{asset}"):
        answer = owner.delete(path)
        assert (answer.status_code, code_of(answer)) == (404, "not_found")
    assert owner.get(f"/api/v2/assets/{asset}").status_code == 200


def test_what_a_waiting_job_reads_is_kept_until_it_has_ended(paused: httpx.Client) -> None:
    paused.post("/api/queue/resume")
    made = run(paused, solid())
    paused.post("/api/queue/pause")
    [asset] = ids_of(made)
    reader = submit(paused, invert({"__type": "core/ASSET", "info": {"id": asset}}))
    path = f"/api/jobs/{made['id']}/outputs/{asset}"
    answer = paused.delete(path)
    assert (answer.status_code, code_of(answer)) == (409, "asset_in_use")
    answer = paused.delete(f"/api/jobs/{reader['id']}/outputs/{asset}")
    assert (answer.status_code, code_of(answer)) == (409, "conflict")
    paused.post("/api/queue/resume")
    assert wait_ended(paused, reader["id"])["status"] == "succeeded"
    assert paused.delete(path).status_code == 204


@pytest.mark.parametrize("missing", ["jobs", "assets"])
def test_a_key_needs_both_scopes(studio: RunningStudio, owner: httpx.Client, missing: str) -> None:
    job = run(owner, solid())
    key = studio.make_key(*({"jobs", "assets"} - {missing}))
    with studio.client(key) as client:
        answer = client.delete(f"/api/jobs/{job['id']}/outputs/{ids_of(job)[0]}")
        assert (answer.status_code, code_of(answer)) == (403, "forbidden")


async def test_open_pages_are_told_at_once(studio: RunningStudio) -> None:
    async with studio.async_client() as client:
        made = await client.post("/api/jobs", json={"workflow": solid()})
        job_id = made.json()["id"]
        async with listen(studio.url, OWNER_KEY) as page:
            await page.snapshot("jobs")
            job: dict[str, Any] = {"status": "queued"}
            while job["status"] != "succeeded":
                job = (await client.get(f"/api/jobs/{job_id}")).json()
            [asset] = ids_of(job)
            gone = await client.delete(f"/api/jobs/{job_id}/outputs/{asset}")
            assert gone.status_code == 204
            await page.until(
                lambda message: (
                    message.get("event") == "changed"
                    and message["data"].get("id") == job_id
                    and message["data"]["status"] == "succeeded"
                    and message["data"]["outputs"] == []
                )
            )
