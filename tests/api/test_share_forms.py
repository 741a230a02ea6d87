"""Forms of presets behind links: what they ask, what visitors may give, how often they run."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.api.graphs import code_of, fresh_png
from tests.api.house import House, open_house
from tests.api.pictures import shelf
from tests.api.presets import good, save
from tests.api.shares import PASSWORD, enter, links, shared, visitor

ANSWERS = {"answers": {"animal": "fox"}}
IMAGE_GRAPH = {
    "1": {"class_type": "LoadImage", "inputs": {"image": "example.png"}},
    "2": {"class_type": "ImageInvert", "inputs": {"image": ["1", 0]}},
    "3": {"class_type": "SaveImage", "inputs": {"images": ["2", 0], "filename_prefix": "out"}},
}
IMAGE_MANIFEST = {
    "manifest": 1,
    "name": "Invert",
    "inputs": [
        {
            "id": "photo",
            "name": "Photo",
            "type": "image",
            "required": True,
            "targets": [{"node": "1", "input": "image"}],
        }
    ],
}


async def form(client: httpx.AsyncClient, path: str, **body: Any) -> dict[str, Any]:
    return dict((await enter(client, path, **body))["form"])


async def test_a_form_asks_the_questions_of_its_preset_and_tells_nothing_else(
    tmp_path: Path,
) -> None:
    async with open_house(tmp_path) as house, house.client() as owner, visitor(house) as guest:
        preset = await save(owner, values={"prompt": "a secret style, [[animal=Which?:fox|owl]]"})
        path = await shared(owner, "preset", preset["id"], password=PASSWORD)
        answer = await guest.post(f"{path}/visit", json={"password": PASSWORD})
        shown = good(answer)["form"]
        assert shown["name"] == "Animals"
        assert shown["fields"] == []
        assert shown["questions"] == [
            {"name": "animal", "text": "Which?", "options": ["fox", "owl"], "default": None}
        ]
        for secret in ("secret style", "embedded-demo", "KSampler", preset["id"], "text-to-image"):
            assert secret not in answer.text


async def test_its_maker_chooses_what_visitors_fill_in(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house, house.client() as owner, visitor(house) as guest:
        preset = await save(owner, values={"prompt": "a fox"})
        answer = await owner.get("/api/share-links/openings", params={"preset": preset["id"]})
        openings = {one["id"]: one for one in good(answer)["items"]}
        assert (openings["prompt"]["default"], openings["steps"]["default"]) == (True, False)
        assert "checkpoint" not in openings
        path = await shared(owner, "preset", preset["id"], fields=["steps", "prompt"])
        fields = {one["id"]: one for one in (await form(guest, path))["fields"]}
        assert fields.keys() == {"prompt", "steps"}
        assert (fields["prompt"]["default"], fields["steps"]["default"]) == ("a fox", 2)
        assert "targets" not in fields["prompt"]
        for field in ("checkpoint", "nothing"):
            body = {"kind": "preset", "target": preset["id"], "fields": [field]}
            answer = await owner.post("/api/share-links", json=body)
            assert (answer.status_code, code_of(answer)) == (422, "invalid_request")


async def test_a_run_is_a_job_of_its_maker_and_seen_by_its_visit_alone(tmp_path: Path) -> None:
    async with (
        open_house(tmp_path) as house,
        house.client() as owner,
        visitor(house) as one,
        visitor(house) as other,
    ):
        preset = await save(owner)
        path = await shared(owner, "preset", preset["id"])
        second = await shared(owner, "preset", preset["id"])
        answer = await one.post(f"{path}/runs", json=ANSWERS)
        assert (answer.status_code, code_of(answer)) == (403, "share_locked")
        for client in (one, other):
            await enter(client, path)
        run = good(await one.post(f"{path}/runs", json=ANSWERS), 201)
        assert (run["status"], run["outputs"], run["error"]) == ("queued", [], None)
        [job] = good(await owner.get("/api/jobs"))["jobs"]
        assert (job["origin"], job["user_id"]) == ("share", "owner")
        assert job["id"] not in str(run)
        assert [each["id"] for each in good(await one.get(f"{path}/runs"))["items"]] == [run["id"]]
        assert good(await other.get(f"{path}/runs"))["items"] == []
        await enter(one, second)
        for client, address in ((other, path), (one, second)):
            for method, more in (("GET", ""), ("POST", "/cancel")):
                answer = await client.request(method, f"{address}/runs/{run['id']}{more}")
                assert (answer.status_code, code_of(answer)) == (404, "not_found")
        answer = await one.get(f"{path}/runs/{job['id']}")
        assert answer.status_code == 404
        assert good(await one.post(f"{path}/runs/{run['id']}/cancel"))["status"] == "canceled"
        assert good(await owner.get(f"/api/jobs/{job['id']}"))["status"] == "canceled"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"values": {"checkpoint": "other.safetensors"}}, "invalid_value"),
        ({"values": {"prompt": "mine"}}, "invalid_value"),
        ({"values": {"nothing": 1}}, "invalid_value"),
        ({"values": {"steps": 10**9}}, "invalid_value"),
        ({"values": {"steps": "many"}}, "invalid_value"),
        ({"values": 7}, "invalid_preset"),
        ({"answers": {"animal": "a whale"}}, "invalid_answers"),
        ({"answers": {"colour": "red"}}, "invalid_answers"),
        ({"answers": {}}, "invalid_answers"),
        ({"count": 4}, "invalid_request"),
        ({"priority": 5}, "invalid_request"),
    ],
    ids=str,
)
async def test_what_is_not_theirs_to_choose_is_refused_and_costs_no_run(
    tmp_path: Path, body: dict[str, Any], code: str
) -> None:
    async with open_house(tmp_path) as house, house.client() as owner, visitor(house) as guest:
        preset = await save(owner)
        path = await shared(owner, "preset", preset["id"], fields=["steps"], runs_per_hour=1)
        await enter(guest, path)
        answer = await guest.post(f"{path}/runs", json={**ANSWERS, **body})
        assert (answer.status_code, code_of(answer)) == (422, code)
        assert good(await owner.get("/api/queue"))["depth"] == 0
        assert [one["runs"] for one in await links(owner)] == [0]
        good(await guest.post(f"{path}/runs", json=ANSWERS), 201)


async def limited(client: httpx.AsyncClient, path: str) -> tuple[str, int | None]:
    answer = await client.post(f"{path}/runs", json=ANSWERS)
    assert answer.status_code == 429, answer.text
    wait = answer.headers.get("retry-after")
    return code_of(answer), None if wait is None else int(wait)


async def test_a_link_runs_ten_times_an_hour_and_says_when_it_will_again(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house, house.client() as owner:
        preset = await save(owner)
        path = await shared(owner, "preset", preset["id"])
        for number in range(10):
            async with visitor(house, f"198.51.100.{number}") as guest:
                await enter(guest, path)
                good(await guest.post(f"{path}/runs", json=ANSWERS), 201)
        house.clock.advance(600)
        async with visitor(house, "203.0.113.1") as guest:
            await enter(guest, path)
            assert await limited(guest, path) == ("rate_limited", 3000)
            house.clock.advance(3000)
            good(await guest.post(f"{path}/runs", json=ANSWERS), 201)


async def test_an_address_gets_no_more_by_having_several_links(tmp_path: Path) -> None:
    async with (
        open_house(tmp_path) as house,
        house.client() as owner,
        visitor(house) as guest,
        visitor(house, "203.0.113.9") as other,
    ):
        preset = await save(owner)
        one = await shared(owner, "preset", preset["id"], runs_per_hour=2)
        two = await shared(owner, "preset", preset["id"], runs_per_hour=2)
        for path in (one, two):
            await enter(guest, path)
            await enter(other, path)
            good(await guest.post(f"{path}/runs", json=ANSWERS), 201)
        assert (await limited(guest, one))[0] == "rate_limited"
        good(await other.post(f"{one}/runs", json=ANSWERS), 201)
        dump = "\n".join(await house.db.read(lambda c: list(c.iterdump())))
        assert "203.0.113.9" not in dump


async def test_runs_at_the_same_moment_do_not_pass_the_limit(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house, house.client() as owner, visitor(house) as guest:
        preset = await save(owner)
        path = await shared(owner, "preset", preset["id"], runs_per_hour=3)
        await enter(guest, path)
        answers = await asyncio.gather(
            *(guest.post(f"{path}/runs", json=ANSWERS) for _ in range(8))
        )
        assert sorted(answer.status_code for answer in answers) == [201] * 3 + [429] * 5
        assert good(await owner.get("/api/queue"))["depth"] == 3


async def test_a_link_may_be_used_up_for_good(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house, house.client() as owner, visitor(house) as guest:
        preset = await save(owner)
        path = await shared(owner, "preset", preset["id"], runs_total=1)
        await enter(guest, path)
        good(await guest.post(f"{path}/runs", json=ANSWERS), 201)
        house.clock.advance(2 * 3600)
        assert await limited(guest, path) == ("share_used_up", None)
        [link] = await links(owner)
        good(await owner.patch(f"/api/share-links/{link['id']}", json={"runs_total": 2}))
        good(await guest.post(f"{path}/runs", json=ANSWERS), 201)


async def test_what_was_counted_stays_counted_over_a_restart(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house, house.client() as owner, visitor(house) as guest:
        preset = await save(owner)
        path = await shared(owner, "preset", preset["id"], runs_per_hour=1)
        await enter(guest, path)
        good(await guest.post(f"{path}/runs", json=ANSWERS), 201)
        cookies = guest.cookies
    async with open_house(tmp_path) as house, visitor(house) as guest:
        guest.cookies = cookies
        assert len(good(await guest.get(f"{path}/runs"))["items"]) == 1
        assert (await limited(guest, path))[0] == "rate_limited"


async def test_a_form_whose_preset_is_gone_leads_nowhere(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house, house.client() as owner, visitor(house) as guest:
        preset = await save(owner)
        path = await shared(owner, "preset", preset["id"])
        await enter(guest, path)
        assert (await owner.delete(f"/api/presets/{preset['id']}")).status_code == 204
        for answer in (await guest.get(path), await guest.post(f"{path}/runs", json=ANSWERS)):
            assert (answer.status_code, code_of(answer)) == (404, "share_gone")
        assert good(await owner.get("/api/queue"))["depth"] == 0


# -- files ----------------------------------------------------------------------------------------


async def photo_form(house: House, owner: httpx.AsyncClient, **fields: Any) -> str:
    """The path of a link whose form wants a photo."""
    body = {"manifest": IMAGE_MANIFEST, "graph": IMAGE_GRAPH}
    workflow = good(await owner.post("/api/workflows", json=body), 201)
    preset = {"name": "Invert", "workflow_id": workflow["id"]}
    made = good(await owner.post("/api/presets", json=preset), 201)
    return await shared(owner, "preset", made["id"], **fields)


async def send(client: httpx.AsyncClient, path: str, data: bytes) -> httpx.Response:
    return await client.post(f"{path}/files", params={"name": "photo.png"}, content=data)


async def test_a_visitors_file_becomes_an_input_and_does_not_stay(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house, house.client() as owner, visitor(house) as guest:
        path = await photo_form(house, owner)
        assert (await send(guest, path, fresh_png())).status_code == 403
        [field] = (await form(guest, path))["fields"]
        assert (field["id"], field["required"]) == ("photo", True)
        answer = await guest.post(f"{path}/runs", json={"values": {}})
        assert (answer.status_code, code_of(answer)) == (422, "invalid_value")
        file = good(await send(guest, path, fresh_png()), 201)["id"]
        values = {"photo": {"file": file}}
        good(await guest.post(f"{path}/runs", json={"values": values}), 201)
        rows = await house.db.read(
            lambda c: c.execute("SELECT expires_at, file_path FROM assets").fetchall()
        )
        [(expires_at, file_path)] = [tuple(row) for row in rows]
        assert expires_at == house.clock.now_ms() + 2 * 3_600_000
        assert file_path.startswith("shares/")


async def test_a_visitor_names_no_file_but_their_own(tmp_path: Path) -> None:
    async with shelf(tmp_path) as stores:
        [asset] = await stores.add()
    async with (
        open_house(tmp_path) as house,
        house.client() as owner,
        visitor(house) as one,
        visitor(house) as other,
    ):
        path = await photo_form(house, owner)
        for client in (one, other):
            await enter(client, path)
        file = good(await send(one, path, fresh_png()), 201)["id"]
        for value in (
            {"asset": asset},
            {"file": asset},
            {"file": file},
            {"file": file, "asset": asset},
            {"file": "../" + file},
            "photo.png",
            "https://example.org/x.png",
            [{"file": file}],
            7,
        ):
            answer = await other.post(f"{path}/runs", json={"values": {"photo": value}})
            assert (answer.status_code, code_of(answer)) == (422, "invalid_value"), value
        good(await one.post(f"{path}/runs", json={"values": {"photo": {"file": file}}}), 201)


async def test_files_are_pictures_of_a_bounded_size_and_number(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house, house.client() as owner, visitor(house) as guest:
        path = await photo_form(house, owner, runs_per_hour=1)
        await enter(guest, path)
        for data in (b"<svg xmlns='http://www.w3.org/2000/svg'/>", b"<html></html>", b"MZ" * 40):
            answer = await send(guest, path, data)
            assert (answer.status_code, code_of(answer)) == (422, "invalid_request")
        answer = await send(guest, path, fresh_png() + bytes(32 * 1024 * 1024))
        assert (answer.status_code, code_of(answer)) == (413, "payload_too_large")

        async def unannounced() -> Any:
            yield fresh_png()
            for _ in range(33):
                yield bytes(1024 * 1024)

        answer = await guest.post(f"{path}/files", content=unannounced())
        assert (answer.status_code, code_of(answer)) == (413, "payload_too_large")
        rows = await house.db.read(lambda c: c.execute("SELECT count(*) FROM assets").fetchone())
        assert rows[0] == 0
        # What was refused takes no place.
        for _ in range(4):
            good(await send(guest, path, fresh_png()), 201)
        answer = await send(guest, path, fresh_png())
        assert (answer.status_code, code_of(answer)) == (429, "rate_limited")
        assert int(answer.headers["retry-after"]) == 3600
