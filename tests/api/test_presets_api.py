"""Presets: saved, shared, copied, handed on, thrown away and brought back."""

from __future__ import annotations

import json
from typing import Any

import pytest

from studio.store.blobs import BlobStore
from studio.store.presets import MAX_PRESETS
from tests.api.graphs import fresh_png
from tests.api.house import KEY, House
from tests.api.people import me, member_in, refusal
from tests.api.presets import WORKFLOW, good, preset, save
from tests.api.workflow_client import create
from tests.fakes.housekeeping import rules_over

DAY_S = 24 * 3600


async def test_a_preset_is_shown_as_it_was_saved_with_its_questions(house: House) -> None:
    async with house.client() as owner:
        saved = await save(
            owner,
            description="for walls",
            tags=["wood", " wood ", "night"],
            rating=4,
            workflow_version=1,
            values={"negative": "[[What not?=blur]]"},
        )
        assert good(await owner.get(f"/api/presets/{saved['id']}")) == saved
        assert saved["owner"] == {"id": "owner", "name": "owner"}
        assert saved["tags"] == ["wood", "night"]
        assert saved["questions"] == [
            {"name": "animal", "text": "Which animal?", "options": ["fox", "owl"],
             "default": None, "where": "prompt"},
            {"name": "What not?", "text": "What not?", "options": [], "default": "blur",
             "where": "negative"},
        ]  # fmt: skip
        assert (saved["runs"], saved["shared"], saved["editable"]) == (0, False, True)
        assert (saved["workflow_version"], saved["rating"]) == (1, 4)


async def test_only_what_is_given_of_a_preset_is_changed(house: House) -> None:
    async with house.client() as owner:
        saved = await save(owner, tags=["wood"])
        house.clock.advance(5)
        path = f"/api/presets/{saved['id']}"
        changed = good(await owner.patch(path, json={"name": " Owls ", "rating": 5}))
        assert changed == {
            **saved, "name": "Owls", "rating": 5, "updated_at": changed["updated_at"],
        }  # fmt: skip
        assert changed["updated_at"] > saved["updated_at"]


async def test_presets_are_found_by_words_tags_and_workflow_the_latest_first(house: House) -> None:
    async with house.client() as owner:
        for name, tags in (("Owls", ["night"]), ("100% fox_y", ["day"]), ("Mice", ["night"])):
            house.clock.advance(1)
            await save(owner, name=name, tags=tags)

        async def names(**query: Any) -> list[str]:
            answer = good(await owner.get("/api/presets", params=query))
            return [item["name"] for item in answer["items"]]

        assert await names() == ["Mice", "100% fox_y", "Owls"]
        assert await names(q="OWL") == ["Owls"]
        assert await names(q="%") == ["100% fox_y"]
        assert await names(q="x_y") == ["100% fox_y"]
        assert await names(tag="night") == ["Mice", "Owls"]
        assert await names(workflow="another") == []
        assert await names(start=1, limit=1) == ["100% fox_y"]
        assert good(await owner.get("/api/presets?limit=1"))["total"] == 3


async def test_a_shared_preset_is_everybodys_to_see_and_one_persons_to_change(
    house: House,
) -> None:
    async with member_in(house, "Ann") as ann, member_in(house, "Gus", "guest") as gus:
        mine = await save(ann)
        path = f"/api/presets/{mine['id']}"
        assert refusal(await gus.get(path)) == (404, "not_found")
        assert good(await gus.get("/api/presets"))["items"] == []
        good(await ann.patch(path, json={"shared": True}))
        seen = good(await gus.get(path))
        assert (seen["editable"], seen["owner"]["name"]) == (False, "Ann")
        for answer in (
            await gus.patch(path, json={"name": "His"}),
            await gus.delete(path),
            await gus.post(f"{path}/restore"),
        ):
            assert refusal(answer) == (404, "not_found")
        async with house.client() as owner:
            assert good(await owner.patch(path, json={"rating": 1}))["editable"]
        assert good(await gus.get(path))["name"] == "Animals"


async def test_what_is_deleted_can_be_brought_back_for_thirty_days(house: House) -> None:
    async with member_in(house, "Ann") as ann, member_in(house, "Bob") as bob:
        saved = await save(ann, shared=True)
        path = f"/api/presets/{saved['id']}"
        assert (await ann.delete(path)).status_code == 204
        assert good(await ann.get("/api/presets"))["items"] == []
        assert refusal(await bob.get(path)) == (404, "not_found")
        assert good(await bob.get("/api/presets?trashed=1"))["items"] == []
        [lying] = good(await ann.get("/api/presets?trashed=1"))["items"]
        assert lying["trashed_at"] is not None
        assert refusal(await ann.post(f"{path}/run", json={})) == (409, "conflict")
        assert good(await ann.post(f"{path}/restore")) == saved
        assert good(await bob.get(path))["id"] == saved["id"]

        assert (await ann.delete(path)).status_code == 204
        house.clock.advance(30 * DAY_S + 1)
    async with house.client() as owner:
        blobs = BlobStore(house.folder / "assets")
        await rules_over(house.db, blobs, house.folder, house.clock).apply()
        assert refusal(await owner.get(path)) == (404, "not_found")


async def test_a_copy_is_private_and_its_owner_s(house: House) -> None:
    async with member_in(house, "Ann") as ann, member_in(house, "Bob") as bob:
        original = await save(ann, shared=True, tags=["wood"], rating=3)
        path = f"/api/presets/{original['id']}/duplicate"
        copy = good(await bob.post(path, json={"name": "Mine"}), 201)
        assert copy["owner"]["id"] == (await me(bob))["id"]
        assert (copy["name"], copy["shared"], copy["runs"]) == ("Mine", False, 0)
        for kept in ("values", "tags", "rating", "workflow_id", "questions"):
            assert copy[kept] == original[kept]
        assert refusal(await ann.get(f"/api/presets/{copy['id']}")) == (404, "not_found")


async def test_an_exported_preset_says_nothing_of_its_owner_and_comes_back_as_another(
    house: House,
) -> None:
    async with member_in(house, "Ann") as ann, house.client() as owner:
        saved = await save(ann, tags=["wood"], description="for walls", rating=2)
        answer = await ann.get(f"/api/presets/{saved['id']}/export")
        assert answer.headers["content-disposition"].endswith('.studio-preset.json"')
        file = good(answer)
        assert file == {
            "preset": 1,
            **{name: saved[name] for name in (
                "id", "name", "description", "workflow_id", "workflow_version", "values", "tags",
                "rating",
            )},
        }  # fmt: skip
        came = good(await owner.post("/api/presets/import", json=file), 201)
        assert came["id"] != saved["id"]
        assert came["owner"]["id"] == "owner"
        assert came["values"] == saved["values"]


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"preset": 2}, "preset"),
        ({"preset": None}, "preset"),
        ({"preset": True}, "preset"),
        ({"id": "../../etc/passwd"}, "id"),
        ({"id": 5}, "id"),
        ({"id": "{00000000-0000-4000-8000-000000000000}"}, "id"),
        ({"shared": True}, "shared"),
        ({"cover": "x"}, "cover"),
        ({"more": 1}, "more"),
        ({"workflow_id": "none"}, "workflow_id"),
        ({"name": ["x"]}, "name"),
    ],
    ids=str,
)
async def test_a_file_that_is_no_preset_is_refused_with_its_field(
    house: House, change: dict[str, Any], where: str
) -> None:
    async with house.client() as owner:
        answer = await owner.post("/api/presets/import", json={**preset(), "preset": 1, **change})
        assert refusal(answer) == (422, "invalid_preset")
        assert answer.json()["error"]["details"] == {"where": where}
        assert good(await owner.get("/api/presets"))["total"] == 0


@pytest.mark.parametrize(
    ("change", "code", "where"),
    [
        ({"name": ""}, "invalid_preset", "name"),
        ({"name": "a\nb"}, "invalid_preset", "name"),
        ({"name": "x" * 101}, "invalid_preset", "name"),
        ({"description": "x" * 4001}, "invalid_preset", "description"),
        ({"description": 5}, "invalid_preset", "description"),
        ({"rating": 6}, "invalid_preset", "rating"),
        ({"rating": True}, "invalid_preset", "rating"),
        ({"tags": "wood"}, "invalid_preset", "tags"),
        ({"tags": ["x" * 41]}, "invalid_preset", "tags"),
        ({"tags": ["x"] * 21}, "invalid_preset", "tags"),
        ({"tags": [""]}, "invalid_preset", "tags"),
        ({"shared": 1}, "invalid_preset", "shared"),
        ({"cover": 5}, "invalid_preset", "cover"),
        ({"cover": "none"}, "invalid_preset", "cover"),
        ({"workflow_id": 5}, "invalid_preset", "workflow_id"),
        ({"workflow_id": "none"}, "invalid_preset", "workflow_id"),
        ({"workflow_version": 99}, "invalid_preset", "workflow_id"),
        ({"workflow_version": 0}, "invalid_preset", "workflow_version"),
        ({"values": []}, "invalid_preset", "values"),
        ({"values": {"prompt": "x" * 300_000}}, "invalid_preset", "values"),
        ({"values": {"none": 1}}, "invalid_preset", "values.none"),
        ({"values": {"prompt": "[[a"}}, "invalid_prompt", "prompt"),
        ({"values": {"prompt": "{a|"}}, "invalid_prompt", "prompt"),
        ({"values": {"loras": [{"file": "[[a"}]}}, "invalid_prompt", "loras[0].file"),
        ({"user_id": "ann"}, "invalid_preset", "user_id"),
    ],
    ids=lambda value: str(value)[:40],
)
async def test_what_does_not_fit_is_refused_with_its_place_and_changes_nothing(
    house: House, change: dict[str, Any], code: str, where: str
) -> None:
    async with house.client() as owner:
        answer = await owner.post("/api/presets", json={**preset(), **change})
        assert refusal(answer) == (422, code)
        assert answer.json()["error"]["details"]["where"] == where
        saved = await save(owner)
        path = f"/api/presets/{saved['id']}"
        answer = await owner.patch(path, json=change)
        assert refusal(answer) == (422, code)
        assert good(await owner.get(path)) == saved


async def test_values_that_are_nested_without_end_are_refused(house: House) -> None:
    async with house.client() as owner:
        body = json.dumps(preset()).replace('"a [[', "[" * 200 + '"a [[', 1)
        body = body.replace(']]"', ']]"' + "]" * 200, 1)
        answer = await owner.post("/api/presets", content=body)
        assert refusal(answer)[0] == 422
        assert answer.json()["error"]["code"] in ("invalid_prompt", "invalid_preset")


async def test_nobody_has_more_presets_than_there_may_be(house: House) -> None:
    async with house.client() as owner:
        saved = await save(owner)

        def fill(connection: Any) -> None:
            for number in range(MAX_PRESETS - 1):
                connection.execute(
                    "INSERT INTO presets SELECT ?, user_id, name, description, workflow_id, "
                    'workflow_version, "values", tags, rating, cover, shared, runs, created_at, '
                    "updated_at, trashed_at FROM presets WHERE id = ?",
                    (str(number), saved["id"]),
                )

        await house.db.write(fill)
        answer = await owner.post("/api/presets", json=preset())
        assert refusal(answer) == (409, "conflict")
        good(await owner.patch(f"/api/presets/{saved['id']}", json={"rating": 1}))


async def test_a_cover_is_a_picture_of_one_s_own_and_seen_by_whoever_sees_the_preset(
    house: House,
) -> None:
    async with member_in(house, "Ann") as ann, member_in(house, "Bob") as bob:
        files = {"file": ("cover.png", fresh_png(), "image/png")}
        fields = {"content_type": "image/png", "file_path": "cover.png"}
        asset = good(await ann.post("/api/v2/assets", files=files, data=fields), 201)["id"]
        answer = await bob.post("/api/presets", json=preset(cover=asset))
        assert refusal(answer) == (422, "invalid_preset")
        saved = await save(ann, cover=asset, shared=True)
        picture = await bob.get(f"/api/presets/{saved['id']}/cover")
        assert (picture.status_code, picture.headers["content-type"]) == (200, "image/webp")
        assert refusal(await bob.get(f"/api/assets/{asset}/thumbnail")) == (404, "not_found")
        assert (await ann.delete(f"/api/v2/assets/{asset}")).status_code == 204
        assert good(await bob.get(f"/api/presets/{saved['id']}"))["cover"] is None
        answer = await bob.get(f"/api/presets/{saved['id']}/cover")
        assert refusal(answer) == (404, "not_found")


@pytest.mark.parametrize("language", ["curl", "python", "javascript"])
async def test_a_preset_s_code_has_no_key_in_it(house: House, language: str) -> None:
    async with house.client() as owner:
        saved = await save(owner, values={"prompt": '[[it\'s "<b>"=yes]] `$(id)` [[x?]]'})
        answer = await owner.get(f"/api/presets/{saved['id']}/code", params={"lang": language})
        text = good(answer)["code"]
        assert "STUDIO_API_KEY" in text
        assert KEY not in text
        assert f"http://studio/api/presets/{saved['id']}/run" in text


async def test_code_in_another_language_is_refused(house: House) -> None:
    async with house.client() as owner:
        saved = await save(owner)
        answer = await owner.get(f"/api/presets/{saved['id']}/code?lang=cobol")
        assert refusal(answer) == (422, "invalid_request")


async def test_a_preset_on_a_workflow_that_is_gone_is_still_shown(house: House) -> None:
    async with house.client() as owner:
        saved = await save(owner)
        await house.db.write(
            lambda connection: connection.execute(
                "UPDATE workflows SET gone = 1 WHERE id = ?", (WORKFLOW,)
            )
        )
        assert good(await owner.get(f"/api/presets/{saved['id']}"))["name"] == "Animals"
        answer = await owner.post(
            f"/api/presets/{saved['id']}/run", json={"answers": {"animal": "fox"}}
        )
        assert refusal(answer) == (404, "not_found")


async def test_a_preset_is_shared_only_over_a_workflow_that_others_may_run(house: House) -> None:
    async with member_in(house, "mia") as mia, house.client() as owner:
        workflow = await create(mia)
        body = {"name": "Mine", "workflow_id": workflow["id"], "values": {"prompt": "x"}}
        refused = await mia.post("/api/presets", json={**body, "shared": True})
        assert refusal(refused) == (422, "workflow_not_shared")
        assert refused.json()["error"]["details"]["where"] == "shared"
        where = f"/api/presets/{good(await mia.post('/api/presets', json=body), 201)['id']}"
        refused = await mia.patch(where, json={"shared": True})
        assert refusal(refused) == (422, "workflow_not_shared")
        good(await mia.patch(f"/api/workflows/{workflow['id']}", json={"shared": True}))
        good(await mia.patch(where, json={"shared": True}))
        async with member_in(house, "gus", "guest") as gus:
            good(await gus.post(f"{where}/run", json={}), 201)
            good(await mia.patch(f"/api/workflows/{workflow['id']}", json={"shared": False}))
            late = await gus.post(f"{where}/run", json={})
            assert refusal(late) == (404, "not_found")
            assert "no longer shared" in late.json()["error"]["message"]
        values = {"name": "Still mine", "shared": True, "values": {"prompt": "y"}}
        good(await mia.patch(where, json=values))
        good(await mia.post(f"{where}/run", json={}), 201)
        await mia.delete(f"/api/workflows/{workflow['id']}")
        gone = await mia.post(f"{where}/run", json={})
        assert refusal(gone) == (404, "not_found")
        assert "The workflow of this preset" in gone.json()["error"]["message"]
        await owner.post("/api/queue/clear")
