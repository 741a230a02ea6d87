"""The base models that the catalog can be narrowed to."""

from __future__ import annotations

from pathlib import Path

from tests.api.model_house import open_models


async def test_the_catalog_names_the_base_models_that_its_entries_have_and_no_other(
    tmp_path: Path,
) -> None:
    async with open_models(tmp_path) as client:
        listed = (await client.get("/api/catalog?limit=500")).json()
        names = {one["family"] for one in listed["items"]} - {None}
        assert set(listed["families"]) == names
        known = {one["id"] for one in (await client.get("/api/catalog/families")).json()["items"]}
        assert set(listed["families"]) < known
        # What the list is narrowed to takes no other choice away; what is all here is none.
        narrowed = (await client.get("/api/catalog?q=nothing+like+it&state=missing")).json()
        assert (narrowed["total"], set(narrowed["families"])) == (0, names)
        assert (await client.get("/api/catalog?state=present")).json()["families"] == []
