"""What goes wrong behind a link: nothing is lost, counted or run twice, or told to a stranger."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from studio.services.batches import BatchService
from studio.store.batches import BatchStore
from tests.api.graphs import code_of, fresh_png
from tests.api.house import open_house
from tests.api.people import me, member_in
from tests.api.presets import good, save
from tests.api.shares import enter, links, shared, visitor
from tests.api.test_share_forms import ANSWERS, photo_form, send


async def test_a_run_that_is_asked_for_twice_by_one_name_runs_once(tmp_path: Path) -> None:
    async with (
        open_house(tmp_path) as house,
        house.client() as owner,
        visitor(house) as one,
        visitor(house) as other,
    ):
        preset = await save(owner)
        path = await shared(owner, "preset", preset["id"], runs_total=2)
        for client in (one, other):
            await enter(client, path)
        named = {**ANSWERS, "id": "8f0c-mine"}
        first = good(await one.post(f"{path}/runs", json=named), 201)
        theirs = good(await other.post(f"{path}/runs", json=named), 201)
        assert theirs["id"] != first["id"], "a name is a visit's own"
        # The link is used up; what was accepted is still answered.
        assert good(await one.post(f"{path}/runs", json=named), 201)["id"] == first["id"]
        assert good(await owner.get("/api/queue"))["depth"] == 2
        assert [each["runs"] for each in await links(owner)] == [2]
        answer = await one.post(f"{path}/runs", json={**ANSWERS, "id": "x" * 65})
        assert (answer.status_code, code_of(answer)) == (422, "invalid_request")


async def test_a_death_between_the_job_and_the_answer_keeps_both_job_and_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    accept = BatchStore.accept

    async def dying(self: BatchStore, *given: Any, **named: Any) -> None:
        await accept(self, *given, **named)
        raise RuntimeError("killed here")

    async with open_house(tmp_path) as house, house.client() as owner, visitor(house) as guest:
        preset = await save(owner)
        path = await shared(owner, "preset", preset["id"])
        await enter(guest, path)
        cookies = guest.cookies
        with monkeypatch.context() as patched:
            patched.setattr(BatchStore, "accept", dying)
            answer = await guest.post(f"{path}/runs", json={**ANSWERS, "id": "a"})
            assert answer.status_code == 500
    async with open_house(tmp_path) as house, house.client() as owner, visitor(house) as guest:
        guest.cookies = cookies
        [run] = good(await guest.get(f"{path}/runs"))["items"]
        assert good(await guest.post(f"{path}/runs", json={**ANSWERS, "id": "a"}), 201) == run
        assert [each["runs"] for each in await links(owner)] == [1]
        assert len(good(await owner.get("/api/jobs"))["jobs"]) == 1


async def test_a_run_that_became_no_job_for_whatever_reason_counts_for_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: Any) -> None:
        raise RuntimeError("unforeseen")

    async with open_house(tmp_path) as house, house.client() as owner, visitor(house) as guest:
        preset = await save(owner)
        path = await shared(owner, "preset", preset["id"], runs_total=1)
        await enter(guest, path)
        with monkeypatch.context() as patched:
            patched.setattr(BatchService, "run", broken)
            assert (await guest.post(f"{path}/runs", json=ANSWERS)).status_code == 500
        assert [each["runs"] for each in await links(owner)] == [0]
        good(await guest.post(f"{path}/runs", json=ANSWERS), 201)


async def test_what_a_sudden_end_left_half_made_is_forgotten_at_the_start(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house, house.client() as owner, visitor(house) as guest:
        path = await photo_form(house, owner, runs_per_hour=1, runs_total=1)
        await enter(guest, path)
        file = good(await send(guest, path, fresh_png()), 201)["id"]
        [share] = await links(owner)
        now_ms = house.clock.now_ms()

        def reserve(connection: Any) -> None:
            connection.execute("UPDATE shares SET runs = 1")
            connection.execute(
                "INSERT INTO share_runs (id, share_id, visit, address, created_at)"
                " VALUES ('r', ?, 'v', 'a', ?)",
                (share["id"], now_ms),
            )
            for number in range(3):
                connection.execute(
                    "INSERT INTO share_files (id, share_id, visit, created_at)"
                    " VALUES (?, ?, 'v', ?)",
                    (f"f{number}", share["id"], now_ms),
                )

        await house.db.write(reserve)
        assert (await send(guest, path, fresh_png())).status_code == 429
        cookies = guest.cookies
    async with open_house(tmp_path) as house, house.client() as owner, visitor(house) as guest:
        guest.cookies = cookies
        assert [each["runs"] for each in await links(owner)] == [0]
        good(await send(guest, path, fresh_png()), 201)
        body = {"values": {"photo": {"file": file}}}
        good(await guest.post(f"{path}/runs", json=body), 201)


async def test_a_visitor_draws_nothing_from_the_makers_word_lists(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house, house.client() as owner, visitor(house) as guest:
        lines = {"text": "canary-private-line"}
        for name in ("beasts", "others"):
            assert (await owner.put(f"/api/wildcards/{name}", json=lines)).is_success
        preset = await save(owner, values={"prompt": "a __beasts__"})
        path = await shared(owner, "preset", preset["id"], fields=["prompt"])
        await enter(guest, path)
        for text in ("__beasts__", "a __others__", "{x|__none__}"):
            answer = await guest.post(f"{path}/runs", json={"values": {"prompt": text}})
            assert (answer.status_code, code_of(answer)) == (422, "invalid_value"), text
            assert not {"beasts", "others", "none", "canary"} & set(answer.text.split())
            assert "list" not in answer.text
        # What the page filled in is the preset's own, and drawn as ever.
        body = {"values": {"prompt": "a __beasts__"}}
        good(await guest.post(f"{path}/runs", json=body), 201)
        good(await guest.post(f"{path}/runs", json={"values": {"prompt": "snake_case"}}), 201)


async def test_a_full_disk_of_the_makers_is_told_without_their_numbers(tmp_path: Path) -> None:
    async with (
        open_house(tmp_path) as house,
        member_in(house, "Ann") as ann,
        visitor(house) as guest,
    ):
        path = await photo_form(house, ann, runs_per_hour=1)
        await enter(guest, path)
        user = f"/api/users/{(await me(ann))['id']}/quota"
        async with house.client() as owner:
            good(await owner.patch(user, json={"disk_bytes": 10}))
            for _ in range(5):
                answer = await send(guest, path, fresh_png())
                assert (answer.status_code, code_of(answer)) == (507, "disk_full")
                assert answer.json()["error"].get("details") in (None, {})
                assert "GB" not in answer.text
            good(await owner.patch(user, json={"disk_bytes": 10**9}))
        good(await send(guest, path, fresh_png()), 201)
