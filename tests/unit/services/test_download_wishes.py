"""What somebody wants to have, before it waits."""

from __future__ import annotations

import pytest

from studio.remote import Wish
from studio.services.download_wishes import new_download


@pytest.mark.parametrize(
    ("reference", "title"),
    [
        ("https://files.example/a/ink.safetensors?token=canary", "ink.safetensors"),
        ("hf:studio/styles/ink.safetensors", "hf:studio/styles/ink.safetensors"),
        ("civitai:10?token=canary", "civitai:10"),
    ],
)
def test_what_has_no_name_yet_is_called_by_what_was_asked_for(reference: str, title: str) -> None:
    wish = Wish(reference=reference, folder="loras")
    made = new_download(wish, by="owner", now_ms=1, download_id="one")
    assert made.title == title
