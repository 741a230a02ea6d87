"""Runs of presets before any engine has them: answers, choices, lists, and what is kept."""

from __future__ import annotations

from tests.api.house import House
from tests.api.people import me, member_in, refusal
from tests.api.presets import depth, good, preset, recipes, save


async def test_a_preset_runs_with_answers_and_choices_that_its_recipe_keeps(house: House) -> None:
    async with house.client() as owner:
        good(await owner.put("/api/wildcards/mood", json={"text": "calm\nwild"}))
        text = "a __mood__ [[animal=Which?]] at {dawn|dusk}"
        saved = await save(owner, values={"prompt": text, "steps": "[[steps=How many?:1|2=2]]"})
        path = f"/api/presets/{saved['id']}/run"
        answers = {"animal": "{fox|owl} __mood__"}
        run = good(await owner.post(path, json={"answers": answers, "values": {"seed": 3}}), 201)
        assert "batch_id" not in run
        [job] = run["jobs"]
        [recipe] = await recipes(house)
        assert (recipe["job_id"], recipe["preset_id"]) == (job["id"], saved["id"])
        prompt = recipe["values"]["prompt"]
        assert prompt.endswith((" {fox|owl} __mood__ at dawn", " {fox|owl} __mood__ at dusk"))
        assert (recipe["values"]["steps"], recipe["values"]["seed"]) == (2, 3)
        assert recipe["answers"]["questions"] == {**answers, "steps": "2"}
        chosen = [(each["of"], each["where"]) for each in recipe["answers"]["choices"]]
        assert chosen == [("__mood__", "prompt"), ("{dawn|dusk}", "prompt")]

        again = good(await owner.post(path, json={"answers": answers, "values": {"seed": 3}}), 201)
        assert again["jobs"][0]["title"] == job["title"] == prompt
        assert good(await owner.get(f"/api/presets/{saved['id']}"))["runs"] == 2


async def test_a_preset_run_many_times_is_a_batch_of_other_seeds_and_choices(house: House) -> None:
    async with house.client() as owner:
        saved = await save(owner, values={"prompt": "{a|b|c|d|e|f|g|h}"})
        body = {"count": 40, "priority": 5, "values": {"seed": 100}}
        run = good(await owner.post(f"/api/presets/{saved['id']}/run", json=body), 201)
        assert len(run["jobs"]) == 40
        assert {job["priority"] for job in run["jobs"]} == {5}
        stored = await recipes(house)
        assert [recipe["values"]["seed"] for recipe in stored] == list(range(100, 140))
        assert len({recipe["values"]["prompt"] for recipe in stored}) > 4
        assert good(await owner.get(f"/api/batches/{run['batch_id']}"))["preset_id"] == saved["id"]
        assert good(await owner.get(f"/api/presets/{saved['id']}"))["runs"] == 1


async def test_a_shared_preset_draws_from_its_owner_s_lists_and_what_is_typed_from_one_s_own(
    house: House,
) -> None:
    async with member_in(house, "Ann") as ann, member_in(house, "Gus", "guest") as gus:
        good(await ann.put("/api/wildcards/animal", json={"text": "__size__ fox"}))
        good(await ann.put("/api/wildcards/size", json={"text": "small"}))
        good(await ann.put("/api/wildcards/secret", json={"text": "ann's secret"}))
        good(await gus.put("/api/wildcards/animal", json={"text": "owl"}))
        saved = await save(ann, shared=True, values={"prompt": "a __animal__"})
        path = f"/api/presets/{saved['id']}/run"
        good(await gus.post(path, json={}), 201)
        [recipe] = await recipes(house)
        assert recipe["values"]["prompt"] == "a small fox"
        answer = await gus.post(path, json={"values": {"prompt": "a __animal__"}})
        assert good(answer, 201)["jobs"][0]["title"] == "a owl"
        answer = await gus.post(path, json={"values": {"prompt": "__secret__"}})
        assert refusal(answer) == (422, "invalid_prompt")
        job = f"/api/jobs/{recipe['job_id']}"
        assert good(await gus.get(job))["user_id"] == (await me(gus))["id"]


async def test_a_preset_s_run_with_a_fault_runs_nothing(house: House) -> None:
    async with house.client() as owner:
        saved = await save(owner)
        path = f"/api/presets/{saved['id']}/run"
        for body, code in (
            ({}, "invalid_answers"),
            ({"answers": {"animal": "cat"}}, "invalid_answers"),
            ({"answers": {"animal": "fox"}, "count": 0}, "invalid_batch"),
            ({"answers": {"animal": "fox"}, "values": {"none": 1}}, "invalid_value"),
            ({"answers": {"animal": "fox"}, "seed": 1}, "invalid_preset"),
        ):
            assert refusal(await owner.post(path, json=body)) == (422, code), body
        assert refusal(await owner.post("/api/presets/none/run", json={})) == (404, "not_found")
        assert await depth(owner) == 0
        assert preset()["values"] == saved["values"]
