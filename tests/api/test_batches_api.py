"""Batches before any engine runs them: which jobs they make, all of them or none."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.api.house import House
from tests.api.people import me, member_in, refusal
from tests.api.presets import SMALL, depth, good, grid, recipes, save, seeds


async def test_a_grid_makes_a_job_for_every_cell_with_its_labels(house: House) -> None:
    async with house.client() as owner:
        batch = good(await owner.post("/api/batches", json=grid(title="Beasts")), 201)
        assert (batch["title"], batch["size"], batch["counts"]) == ("Beasts", 6, {"queued": 6})
        assert [axis["name"] for axis in batch["axes"]] == ["prompt", "steps"]
        assert [(cell["coords"], cell["labels"]) for cell in batch["cells"]][:4] == [
            ([0, 0], ["a fox", "one"]), ([0, 1], ["a fox", "two"]),
            ([0, 2], ["a fox", "three"]), ([1, 0], ["an owl", "one"]),
        ]  # fmt: skip
        stored = await recipes(house)
        assert [recipe["cell"] for recipe in stored] == list(range(6))
        assert {recipe["batch_id"] for recipe in stored} == {batch["id"]}
        made = [(each["values"]["prompt"], each["values"]["steps"]) for each in stored]
        assert made[4] == ("an owl", 2)
        assert {recipe["values"]["seed"] for recipe in stored} == {7}
        assert good(await owner.get(f"/api/batches/{batch['id']}")) == batch
        [listed] = good(await owner.get("/api/batches"))["items"]
        assert listed == {name: batch[name] for name in batch if name != "cells"}


async def test_the_cells_of_a_grid_share_a_drawn_seed_and_repetitions_count_it_up(
    house: House,
) -> None:
    async with house.client() as owner:
        body = grid(values={"seed": -1}, count=3)
        good(await owner.post("/api/batches", json=body), 201)
        seeds = [recipe["values"]["seed"] for recipe in await recipes(house)]
        assert seeds == [seeds[0], seeds[0] + 1, seeds[0] + 2] * 6


async def test_lists_are_taken_side_by_side(house: House) -> None:
    async with house.client() as owner:
        lists = [
            {"input": "prompt", "values": ["a fox", "an owl"]},
            {"input": "size.width", "values": [64, 128]},
        ]
        batch = good(await owner.post("/api/batches", json=grid(lists=lists, axes=None)), 201)
        assert [cell["labels"] for cell in batch["cells"]] == [["a fox"], ["an owl"]]
        values = [recipe["values"] for recipe in await recipes(house)]
        assert [(each["prompt"], each["size"]["width"]) for each in values] == [
            ("a fox", 64), ("an owl", 128),
        ]  # fmt: skip


async def test_an_axis_can_be_the_answer_to_a_question(house: House) -> None:
    async with house.client() as owner:
        saved = await save(owner)
        axes = [{"input": "[[animal]]", "values": ["fox", "owl"]}]
        body = {"preset_id": saved["id"], "axes": axes}
        batch = good(await owner.post("/api/batches", json=body), 201)
        assert [cell["labels"] for cell in batch["cells"]] == [["fox"], ["owl"]]
        made = [recipe["values"]["prompt"] for recipe in await recipes(house)]
        assert made == ["a fox", "a owl"]


@pytest.mark.parametrize(
    ("change", "code", "facts"),
    [
        ({"workflow_id": None}, "invalid_batch", {"where": "workflow_id"}),
        ({"preset_id": "x"}, "invalid_batch", {"where": "workflow_id"}),
        ({"workflow_id": 5}, "invalid_preset", {"where": "workflow_id"}),
        ({"axes": [{"input": "cfg", "values": []}]}, "invalid_batch", {"where": "axes[0].values"}),
        ({"count": 101}, "invalid_batch", {"where": "count"}),
        ({"version": "1"}, "invalid_preset", {"where": "version"}),
        ({"title": 5}, "invalid_preset", {"where": "title"}),
        ({"priority": "1"}, "invalid_request", {"field": "priority"}),
        ({"values": 5}, "invalid_preset", {"where": "values"}),
        ({"answers": []}, "invalid_preset", {"where": "answers"}),
        ({"more": 1}, "invalid_preset", {"where": "more"}),
        ({"answers": {"x": "y"}}, "invalid_answers", {"question": "x"}),
        ({"axes": [{"input": "steps", "values": [1, 2, 1000]}],
          "values": {**SMALL, "prompt": "x"}},
         "invalid_value", {"cell": 2, "input": "steps"}),
        ({"axes": [{"input": "prompt", "values": ["x", "[[animal]]"]}]},
         "invalid_answers", {"cell": 1, "missing": ["animal"]}),
        ({"axes": [{"input": "prompt", "values": ["x", "{a|b"]}]},
         "invalid_prompt", {"cell": 1, "where": "prompt"}),
        ({"axes": [{"input": "[[animal]]", "values": ["fox"]}],
          "values": {**SMALL, "prompt": "x"}},
         "invalid_answers", {"question": "animal"}),
        ({"axes": [{"input": "size.depth.x", "values": [1]}]},
         "invalid_batch", {"cell": 0, "where": "size.depth.x"}),
        ({"axes": [{"input": "none", "values": [1]}]}, "invalid_value", {"cell": 0}),
    ],
    ids=lambda value: str(value)[:50],
)  # fmt: skip
async def test_a_batch_with_a_fault_is_refused_with_its_place_and_makes_nothing(
    house: House, change: dict[str, Any], code: str, facts: dict[str, Any]
) -> None:
    async with house.client() as owner:
        answer = await owner.post("/api/batches", json={**grid(), **change})
        assert refusal(answer) == (422, code)
        details = answer.json()["error"]["details"]
        assert {name: details.get(name) for name in facts} == facts
        # Where there is but one cell, the words do without its number.
        assert ("Cell " in answer.json()["error"]["message"]) == bool(facts.get("cell"))
        assert await depth(owner) == 0
        assert good(await owner.get("/api/batches"))["total"] == 0


async def test_a_batch_of_something_that_is_not_there_is_not_found(house: House) -> None:
    async with house.client() as owner:
        answer = await owner.post("/api/batches", json=grid(workflow_id="none"))
        assert refusal(answer) == (404, "not_found")
        answer = await owner.post("/api/batches", json={"preset_id": "none"})
        assert refusal(answer) == (404, "not_found")


async def test_a_batch_that_does_not_fit_into_the_queue_says_what_room_there_is(
    house: House,
) -> None:
    async with member_in(house, "Ann") as ann:
        big = seeds(600)
        good(await ann.post("/api/batches", json=big), 201)
        answer = await ann.post("/api/batches", json=big)
        assert refusal(answer) == (429, "queue_full")
        room = answer.json()["error"]["details"]["room"]
        assert (await depth(ann), room) == (600, 400)
        good(await ann.post("/api/batches", json=seeds(room)), 201)
        answer = await ann.post("/api/batches", json=seeds(1))
        assert answer.json()["error"]["details"]["room"] == 0


async def test_batches_at_once_never_take_more_than_the_room_there_is(house: House) -> None:
    async with member_in(house, "Ann") as ann:
        big = seeds(600)
        answers = await asyncio.gather(*(ann.post("/api/batches", json=big) for _ in range(3)))
        assert sorted(answer.status_code for answer in answers) == [201, 429, 429]
        assert await depth(ann) == 600


async def test_a_batch_is_stored_whole_or_not_at_all(house: House) -> None:
    async with house.client() as owner:
        key = {"Idempotency-Key": "grid once"}
        good(await owner.post("/api/batches", json=grid(), headers=key), 201)
        answer = await owner.post("/api/batches", json=grid(), headers=key)
        assert refusal(answer) == (422, "idempotency_key_reuse")

        def break_fifth(connection: Any) -> None:
            connection.execute(
                "CREATE TRIGGER refuse BEFORE INSERT ON job_recipes WHEN NEW.cell = 4 "
                "BEGIN SELECT RAISE(ABORT, 'a fault of the test'); END"
            )

        saved = await save(owner)
        await house.db.write(break_fifth)
        path = f"/api/presets/{saved['id']}"
        body = {"count": 6, "answers": {"animal": "fox"}}
        answer = await owner.post(f"{path}/run", json=body, headers={"Idempotency-Key": "again"})
        assert answer.status_code >= 500
        await house.db.write(lambda connection: connection.execute("DROP TRIGGER refuse"))
        assert await depth(owner) == 6
        assert len(await recipes(house)) == 6
        assert good(await owner.get("/api/batches"))["total"] == 1
        assert good(await owner.get(path))["runs"] == 0
        body = {"count": 6, "answers": {"animal": "fox"}}
        answer = await owner.post(f"{path}/run", json=body, headers={"Idempotency-Key": "again"})
        assert len(good(answer, 201)["jobs"]) == 6


async def test_cancelling_a_batch_ends_what_has_not_ended(house: House) -> None:
    async with house.client() as owner:
        batch = good(await owner.post("/api/batches", json=grid()), 201)
        job = batch["cells"][0]["job_id"]
        good(await owner.post(f"/api/jobs/{job}/cancel"))
        seen = good(await owner.get(f"/api/batches/{batch['id']}"))
        assert seen["counts"] == {"canceled": 1, "queued": 5}
        ended = good(await owner.post(f"/api/batches/{batch['id']}/cancel"))
        assert ended["counts"] == {"canceled": 6}
        assert good(await owner.get("/api/batches"))["items"][0]["counts"] == {"canceled": 6}
        answer = await owner.get(f"/api/batches/{batch['id']}/image")
        assert refusal(answer) == (422, "invalid_batch")


async def test_a_cell_whose_job_was_purged_says_so(house: House) -> None:
    async with house.client() as owner:
        batch = good(await owner.post("/api/batches", json=grid()), 201)
        good(await owner.post(f"/api/batches/{batch['id']}/cancel"))
        job = batch["cells"][2]["job_id"]
        await house.db.write(
            lambda connection: connection.execute("DELETE FROM jobs WHERE id = ?", (job,))
        )
        seen = good(await owner.get(f"/api/batches/{batch['id']}"))
        assert seen["cells"][2] == {
            "index": 2, "coords": [0, 2], "labels": ["a fox", "three"], "job_id": None,
            "status": "purged", "assets": [], "trashed": False,
        }  # fmt: skip
        assert seen["counts"] == {"canceled": 5, "purged": 1}
        [listed] = good(await owner.get("/api/batches"))["items"]
        assert listed["counts"] == seen["counts"]

        await house.db.write(lambda connection: connection.execute("DELETE FROM jobs"))
        house.clock.advance(25 * 3600)
        other = good(await owner.post("/api/batches", json=grid()), 201)
        [left] = good(await owner.get("/api/batches"))["items"]
        assert left["id"] == other["id"]


async def test_a_batch_is_its_user_s_and_the_owner_s(house: House) -> None:
    async with member_in(house, "Ann") as ann, member_in(house, "Bob") as bob:
        batch = good(await ann.post("/api/batches", json=grid()), 201)
        path = f"/api/batches/{batch['id']}"
        for answer in (
            await bob.get(path),
            await bob.post(f"{path}/cancel"),
            await bob.get(f"{path}/image"),
        ):
            assert refusal(answer) == (404, "not_found")
        assert good(await bob.get("/api/batches"))["items"] == []
        async with house.client() as owner:
            assert good(await owner.get(path))["user_id"] == (await me(ann))["id"]
            assert good(await owner.get("/api/batches"))["total"] == 1


async def test_a_thousand_jobs_are_accepted_at_once_and_one_more_is_not(house: House) -> None:
    async with house.client() as owner:
        by_seed = {"input": "seed", "values": list(range(100))}
        by_steps = {"input": "steps", "values": list(range(1, 11))}
        body = grid(axes=[by_seed, by_steps], values={"prompt": "x"})
        batch = good(await owner.post("/api/batches", json=body), 201)
        assert batch["counts"] == {"queued": 1000}
        answer = await owner.post("/api/batches", json={**body, "count": 2})
        assert refusal(answer) == (422, "invalid_batch")


async def test_jobs_that_are_too_large_together_are_refused_before_any_is_stored(
    house: House,
) -> None:
    async with house.client() as owner:
        values = {"prompt": "x" * 19_000, "negative": "y" * 19_000}
        axes = [{"input": "seed", "values": list(range(1_000))}]
        answer = await owner.post("/api/batches", json=grid(axes=axes, values=values))
        assert refusal(answer) == (413, "payload_too_large"), answer.text
        assert await depth(owner) == 0


async def test_a_retry_takes_its_cell_and_a_retry_by_somebody_else_does_not(house: House) -> None:
    async with member_in(house, "mia") as mia, house.client() as owner:
        batch = good(await mia.post("/api/batches", json=seeds(2)), 201)
        where = f"/api/batches/{batch['id']}"
        good(await mia.post(f"{where}/cancel"))
        first = batch["cells"][0]["job_id"]
        foreign = good(await owner.post(f"/api/jobs/{first}/retry", json={}), 201)
        again = good(await mia.post(f"/api/jobs/{first}/retry", json={}), 201)
        late = good(await owner.post(f"/api/jobs/{first}/retry", json={}), 201)
        after = good(await mia.get(where))
        assert after["cells"][0]["job_id"] == again["id"]
        assert after["cells"][1]["job_id"] == batch["cells"][1]["job_id"]
        assert after["counts"] == {"queued": 1, "canceled": 1}
        [listed] = good(await mia.get("/api/batches"))["items"]
        assert listed["counts"] == after["counts"]
        assert good(await mia.post(f"{where}/cancel"))["counts"] == {"canceled": 2}
        for each in (foreign, late):
            assert good(await owner.get(f"/api/jobs/{each['id']}"))["status"] == "queued"
