"""A disk that is nearly full, and the owner whose phone says so."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.api.presets import good
from tests.api.telegram_chat import bot_in
from tests.fakes.volumes import mounted


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """A volume of 8 MB."""
    folder = tmp_path / "small"
    folder.mkdir()
    with mounted(folder, "size=8m", lazily=True) as volume:
        yield volume


def test_the_owner_is_told_of_a_full_disk_and_nobody_who_did_not_ask(
    small: Path, tmp_path: Path
) -> None:
    (small / "model.bin").write_bytes(bytes(8 * 1024 * 1024 - 64 * 1024))
    with bot_in(tmp_path / "studio", {"MODEL_DIR": str(small)}) as bot:
        quiet, phone = bot.paired(), bot.paired()
        path = f"/api/telegram/chats/{bot.chat(phone)['id']}"
        good(bot.owner.patch(path, json={"notify_disk": True}))
        assert phone.hears("The disk is nearly full: ").text.endswith("0 MiB left.")
        phone.say("/status")
        phone.hears("Nothing of yours is running")
        assert sum("nearly full" in text for text in phone.texts()) == 1
        assert not any("nearly full" in text for text in quiet.texts())
