"""Labels in other letters than Latin ones, and texts that cannot be written at all."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image, ImageDraw, ImageFont

from studio.services import label_fonts
from studio.services.grid_picture import _write
from studio.services.label_fonts import font_for, has, installed, one_line


def name(font: label_fonts.Font) -> tuple[str | None, str | None]:
    assert isinstance(font, ImageFont.FreeTypeFont)
    return font.getname()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A machine whose only fonts are those in this folder."""
    monkeypatch.setattr(label_fonts, "FOLDERS", (str(tmp_path),))
    _forget()
    yield tmp_path
    _forget()


def _forget() -> None:
    for each in (label_fonts.installed, label_fonts._fonts, label_fonts.has):
        each.cache_clear()


def test_a_font_that_has_the_letters_is_preferred_and_latin_stays_as_it_was() -> None:
    own = ImageFont.load_default(20)
    assert has(own, "a")
    assert not has(own, "Ж")
    assert name(font_for("a fox", 20)) == name(own)
    cyrillic = [path for path in installed() if has(ImageFont.truetype(path, 20), "Ж")]
    if not cyrillic:
        pytest.skip("this machine has no font with Cyrillic letters")
    assert all(has(font_for("Жук", 20), char) for char in "Жук")


def test_a_font_that_is_damaged_is_passed_over(folder: Path) -> None:
    (folder / "deep").mkdir()
    (folder / "deep" / "DejaVuSans.ttf").write_bytes(b"no font")
    assert [path.name for path in installed()] == ["DejaVuSans.ttf"]
    assert name(font_for("Жук", 20)) == name(ImageFont.load_default(20))


@pytest.mark.parametrize(
    "words",
    [
        "Жук",
        "狐狸",
        "ثعلب",
        "🦊",
        "two\nlines",
        "a\x00b",
        "\ud800",
        "\u202efox",
        "\uffff",
        "",
        "\n",
        "e" + "\u0301" * 500,
    ],
)
def test_a_text_that_no_font_has_is_no_error(folder: Path, words: str) -> None:
    image = Image.new("RGB", (200, 40))
    _write(ImageDraw.Draw(image), 20, words, (2, 2), 180)
    assert image.getbbox() is not None or one_line(words) == ""
