"""Words that people look for models with, in the catalogs that Studio ships."""

from __future__ import annotations

from pathlib import Path

import pytest

from studio.services.catalog_search import CatalogSearch
from tests.unit.services.test_catalog import opened


async def found(folder: Path, text: str) -> list[str]:
    """The ids that a search finds, the best first."""
    catalog = await opened(folder)
    search = CatalogSearch(text, catalog.families)
    entries = [each.entry for each in catalog.all() if search.fits(each.entry)]
    return [entry.id for entry in sorted(entries, key=search.rank)]


@pytest.mark.parametrize("text", ["sd 1.5", "sd1.5", "SD15", "Stable Diffusion 1.5"])
async def test_every_name_of_a_base_model_finds_it_before_what_goes_with_it(
    text: str, tmp_path: Path
) -> None:
    ids = await found(tmp_path, text)
    assert set(ids[:2]) == {"v1-5-pruned-emaonly-fp16", "dreamshaper-8-pruned"}
    assert {"ip-adapter-sd15", "vae-ft-mse-840000-ema-pruned"} <= set(ids[2:])


@pytest.mark.parametrize(
    ("text", "first", "later"),
    [
        ("sdxl", "sd-xl-base-1.0", "ip-adapter-sdxl"),
        ("upscale", "realesrgan-x4plus", "ltx-2-spatial-upscaler-x2-1.0"),
        ("upscaler", "realesrgan-x4plus", None),
        ("flux schnell", "flux1-schnell", None),
    ],
)
async def test_what_is_meant_comes_before_what_has_the_word_in_its_name(
    text: str, first: str, later: str | None, tmp_path: Path
) -> None:
    ids = await found(tmp_path, text)
    assert ids[0] == first
    assert later is None or later in ids[1:]


@pytest.mark.parametrize("text", ["4x", "x4", "4X realesrgan"])
async def test_a_factor_is_found_whichever_way_it_is_written(text: str, tmp_path: Path) -> None:
    assert await found(tmp_path, text) == ["realesrgan-x4plus"]


async def test_every_word_has_to_fit(tmp_path: Path) -> None:
    assert await found(tmp_path, "sd 1.5 vae") == ["vae-ft-mse-840000-ema-pruned"]
    assert await found(tmp_path, "sdxl nothingofthekind") == []
    assert "realesrgan-x4plus" not in await found(tmp_path, "2x")
    everything = await found(tmp_path, " ")
    assert everything[:1] == ["ace-step-1.5-turbo-aio"] and len(everything) >= 300
