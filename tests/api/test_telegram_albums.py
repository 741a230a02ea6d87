"""Several pictures for a preset that wants several: albums, photos one after another."""

from __future__ import annotations

import io
from collections.abc import Iterator

import pytest
from PIL import Image

from tests.api.presets import good
from tests.api.telegram_chat import Bot, bot_in, picture
from tests.fakes.telegram_shapes import Message


@pytest.fixture(scope="module")
def bot(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bot]:
    with bot_in(tmp_path_factory.mktemp("bot")) as running:
        yield running


def save_sheet(bot: Bot, name: str) -> str:
    """A preset that lays pictures side by side, three in a row."""
    values = {"columns": 3, "cell": 32, "gap": 0, "background": "white"}
    body = {"name": name, "workflow_id": "contact-sheet", "values": values}
    return str(good(bot.owner.post("/api/presets", json=body), 201)["id"])


def colors_of(sheet: Message) -> list[str]:
    """The picture of each column."""
    named = {(1, 0, 0): "red", (0, 1, 0): "lime", (0, 0, 1): "blue", (1, 1, 1): "white"}
    with Image.open(io.BytesIO(sheet.files[0])) as shown:
        pixels = [shown.convert("RGB").getpixel((16 + 32 * at, 16)) for at in range(3)]
    found = []
    for pixel in pixels:
        assert isinstance(pixel, tuple)
        red, green, blue = (round(part / 255) for part in pixel)
        found.append(named[red, green, blue])
    return found


def test_an_album_goes_whole_to_a_default_preset_that_wants_several(bot: Bot) -> None:
    phone = bot.paired()
    bot.make_default(phone, save_sheet(bot, "Album"))
    for color in ("red", "lime", "blue"):
        phone.photo(picture(color), album="an album")
    told = phone.hears("I have your album.")
    phone.say("/queue")
    phone.hears("0 running")
    assert sum("album" in text for text in phone.texts()) == 1
    phone.press(told, "That is all")
    assert colors_of(phone.gets("photo")) == ["red", "lime", "blue"]


def test_photos_are_collected_one_after_another_until_that_is_all(bot: Bot) -> None:
    phone = bot.paired()
    save_sheet(bot, "One by one")
    phone.say("/presets")
    phone.press(phone.hears("What shall it be?"), "One by one")
    phone.hears("Send me a picture, one or several.")
    phone.photo(picture("blue"))
    phone.hears("I have 1.")
    phone.photo(picture("red"))
    phone.press(phone.hears("I have 2."), "That is all")
    phone.press(phone.hears("Times: 1"), "Run")
    assert colors_of(phone.gets("photo")) == ["blue", "red", "white"]
