"""Many files as one ZIP: a signed address, written while it is sent."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

from tests.api.graphs import code_of, fresh_png
from tests.api.house import open_house
from tests.api.pictures import act, indexed, key_of, shelf


async def test_chosen_files_come_as_one_zip_to_whoever_has_the_address(tmp_path: Path) -> None:
    first, second = fresh_png(), fresh_png()
    async with shelf(tmp_path) as stores:
        ids = [*await stores.add(data=first), *await stores.add(data=second)]
    async with open_house(tmp_path) as house, house.client() as owner:
        await indexed(owner, 2)
        answer = await owner.post("/api/library/zip", json={"ids": [*ids, ids[0], "nothing"]})
        chosen = answer.json()
        assert (chosen["count"], chosen["not_found"]) == (2, ["nothing"])
        assert chosen["size_bytes"] == len(first) + len(second)
        async with house.client(None) as stranger:
            got = await stranger.get(chosen["url"])
        assert (got.status_code, got.headers["content-type"]) == (200, "application/zip")
        assert got.headers["content-disposition"] == 'attachment; filename="studio.zip"'
        assert "content-length" not in got.headers
        with zipfile.ZipFile(io.BytesIO(got.content)) as archive:
            assert archive.testzip() is None
            assert archive.namelist() == ["picture_00001_.png", "picture_00001_-2.png"]
            assert [archive.read(name) for name in archive.namelist()] == [first, second]
        stored = {path.name for path in house.folder.rglob("*.zip")}
        assert stored == set()


async def test_what_went_meanwhile_is_named_in_the_zip(tmp_path: Path) -> None:
    async with shelf(tmp_path) as stores:
        ids = [*await stores.add(), *await stores.add(), *await stores.add()]
    async with open_house(tmp_path) as house, house.client() as owner:
        items = {one["id"]: one for one in await indexed(owner, 3)}
        url = (await owner.post("/api/library/zip", json={"ids": ids})).json()["url"]
        await act(owner, ids[:1], "trash")
        await act(owner, ids[:1], "purge")
        asset = (await owner.get(f"/api/v2/assets/{ids[1]}")).json()
        digest = asset["hash"].partition(":")[2]
        (house.folder / "assets" / digest[:2] / digest).unlink()
        with zipfile.ZipFile(io.BytesIO((await owner.get(url)).content)) as archive:
            assert items[ids[2]]["name"] in [name.replace("-2", "") for name in archive.namelist()]
            missing = archive.read("missing.txt").decode().splitlines()
            assert len(missing) == 2
            assert missing[0] == ids[0]


async def test_an_address_of_a_zip_opens_nothing_else_and_ends(tmp_path: Path) -> None:
    async with shelf(tmp_path) as stores:
        await stores.add_user("ann")
        [one] = await stores.add()
        [other] = await stores.add()
    async with open_house(tmp_path) as house, house.client() as owner:
        await indexed(owner, 2)
        chosen = (await owner.post("/api/library/zip", json={"ids": [one]})).json()
        second = (await owner.post("/api/library/zip", json={"ids": [other]})).json()
        path, _, query = chosen["url"].partition("?")
        content = (await owner.get(f"/api/v2/assets/{one}")).json()["url"].partition("?")[2]
        async with house.client(None) as stranger:
            for address in (
                path,
                f"{second['url'].partition('?')[0]}?{query}",
                f"/api/v2/assets/{one}/content?{query}",
                f"{path}?{content}",
                f"/api/library/{one}?{query}",
                f"/api/library?{query}",
            ):
                answer = await stranger.get(address)
                assert (answer.status_code, code_of(answer)) == (401, "unauthorized"), address
            assert (await stranger.get(chosen["url"])).status_code == 200
        async with house.client(await key_of(house, "ann")) as ann:
            assert (await ann.get(path)).status_code == 404
        house.clock.advance(901)
        async with house.client(None) as stranger:
            assert (await stranger.get(chosen["url"])).status_code == 401
        assert (await owner.get(path)).status_code == 404
