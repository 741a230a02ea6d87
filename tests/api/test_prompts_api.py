"""Saved prompts and word lists: whose they are, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from studio.store.prompts import MAX_LISTS
from tests.api.house import House
from tests.api.people import member_in, refusal
from tests.api.presets import good

LIGHT = {"name": "Light", "kind": "positive", "text": "soft window light", "tags": ["day"]}


async def test_a_prompt_is_kept_found_changed_and_deleted(house: House) -> None:
    async with house.client() as owner:
        made = good(await owner.post("/api/prompts", json=LIGHT), 201)
        assert {name: made[name] for name in LIGHT} == LIGHT
        assert made["shared"] is False
        other = {"name": "blur", "kind": "negative", "text": "blurry, 100% noise"}
        good(await owner.post("/api/prompts", json=other), 201)

        async def names(**query: str) -> list[str]:
            answer = good(await owner.get("/api/prompts", params=query))
            assert answer["total"] == len(answer["items"])
            return [item["name"] for item in answer["items"]]

        assert await names() == ["blur", "Light"]
        assert await names(q="WINDOW") == await names(q="day") == ["Light"]
        assert await names(q="%") == await names(kind="negative") == ["blur"]
        path = f"/api/prompts/{made['id']}"
        house.clock.advance(1)
        changed = good(await owner.patch(path, json={"text": "hard light"}))
        assert changed == {**made, "text": "hard light", "updated_at": changed["updated_at"]}
        assert changed["updated_at"] > made["updated_at"]
        assert (await owner.delete(path)).status_code == 204
        assert refusal(await owner.delete(path)) == (404, "not_found")
        assert await names() == ["blur"]


async def test_a_shared_prompt_is_everybodys_to_use_and_one_persons_to_change(house: House) -> None:
    async with member_in(house, "Ann") as ann, member_in(house, "Bob") as bob:
        path = f"/api/prompts/{good(await ann.post('/api/prompts', json=LIGHT), 201)['id']}"
        assert good(await bob.get("/api/prompts"))["items"] == []
        good(await ann.patch(path, json={"shared": True}))
        [seen] = good(await bob.get("/api/prompts"))["items"]
        assert seen["text"] == LIGHT["text"]
        assert refusal(await bob.patch(path, json={"text": "his"})) == (404, "not_found")
        assert refusal(await bob.delete(path)) == (404, "not_found")


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"name": None}, "name"),
        ({"kind": "neutral"}, "kind"),
        ({"kind": ["text"]}, "kind"),
        ({"text": " "}, "text"),
        ({"text": "x" * 20_001}, "text"),
        ({"tags": [5]}, "tags"),
        ({"shared": "yes"}, "shared"),
        ({"id": "x"}, "id"),
    ],
    ids=lambda value: str(value)[:30],
)
async def test_a_prompt_that_does_not_fit_is_refused_with_its_field(
    house: House, change: dict[str, Any], where: str
) -> None:
    async with house.client() as owner:
        answer = await owner.post("/api/prompts", json={**LIGHT, **change})
        assert refusal(answer) == (422, "invalid_preset")
        assert answer.json()["error"]["details"] == {"where": where}
        assert refusal(await owner.get("/api/prompts?kind=none")) == (422, "invalid_preset")


async def test_a_word_list_is_one_persons_own(house: House) -> None:
    async with member_in(house, "Ann") as ann, house.client() as owner:
        text = "# animals\nfox\n\n  2::owl \n{sea|field} mouse\n"
        made = good(await ann.put("/api/wildcards/animal", json={"text": text}))
        assert made == {"name": "animal", "lines": 3}
        kept = good(await ann.get("/api/wildcards/animal"))
        assert kept == {"name": "animal", "text": "fox\n2::owl\n{sea|field} mouse"}
        assert refusal(await owner.get("/api/wildcards/animal")) == (404, "not_found")
        assert good(await owner.get("/api/wildcards"))["items"] == []
        good(await ann.put("/api/wildcards/animal", json={"text": "cat"}))
        [listed] = good(await ann.get("/api/wildcards"))["items"]
        assert (listed["name"], listed["lines"]) == ("animal", 1)
        assert (await ann.delete("/api/wildcards/animal")).status_code == 204
        assert refusal(await ann.delete("/api/wildcards/animal")) == (404, "not_found")


@pytest.mark.parametrize(
    ("name", "text", "code"),
    [
        ("a b", "fox", "invalid_preset"),
        ("a__b", "fox", "invalid_preset"),
        ("_a", "fox", "invalid_preset"),
        ("%2e%2e", "fox", "invalid_preset"),
        ("a" * 65, "fox", "invalid_preset"),
        ("a", "# nothing\n", "invalid_prompt"),
        ("a", "{fox|owl", "invalid_prompt"),
        ("a", "0::fox", "invalid_prompt"),
        ("a", "x\n" * 10_001, "invalid_prompt"),
        ("a", "ü" * 200_000, "invalid_preset"),
        ("a", None, "invalid_request"),
        ("a", "x" * 300_000, "invalid_request"),
    ],
    ids=lambda value: str(value)[:20],
)
async def test_a_list_that_cannot_be_drawn_from_is_refused(
    house: House, name: str, text: str | None, code: str
) -> None:
    async with house.client() as owner:
        answer = await owner.put(f"/api/wildcards/{name}", json={"text": text})
        assert refusal(answer) == (422, code)
        assert good(await owner.get("/api/wildcards"))["items"] == []


async def test_nobody_has_more_lists_than_there_may_be(house: House) -> None:
    async with house.client() as owner:
        for number in range(MAX_LISTS):
            good(await owner.put(f"/api/wildcards/l{number}", json={"text": "x"}))
        answer = await owner.put("/api/wildcards/more", json={"text": "x"})
        assert refusal(answer) == (409, "conflict")
        good(await owner.put("/api/wildcards/l0", json={"text": "y"}))
        assert good(await owner.get("/api/wildcards"))["total"] == MAX_LISTS
