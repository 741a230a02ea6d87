"""What is hidden in log lines, and in texts that leave Studio."""

from __future__ import annotations

import pytest

from studio.logs import Redaction


def test_a_secret_is_hidden_until_another_takes_its_place() -> None:
    redaction = Redaction()
    redaction.hide("token", "first-secret")
    assert redaction.clean("a first-secret b") == "a *** b"
    redaction.hide("token", "second-secret")
    assert redaction.clean("first-secret second-secret") == "first-secret ***"
    redaction.hide("token", None)
    assert redaction.clean("second-secret") == "second-secret"


def test_short_secrets_would_hide_half_the_log() -> None:
    redaction = Redaction()
    redaction.hide("token", "abc")
    assert redaction.clean_all("abcdef", ["def"]) == "abcdef"


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        (f"Open http://h/#/setup/{'a' * 43} now", "Open http://h/#/setup/*** now"),
        (f"http://h/#/join/{'a' * 43}", "http://h/#/join/***"),
        ("GET /x?token=abcdefgh&b=1", "GET /x?token=***&b=1"),
        ("Authorization: Bearer abcdefgh", "Authorization: Bearer ***"),
        (f"key studio_{'x' * 43}.", "key ***."),
        (f"hf_{'A' * 34}", "***"),
        (f"https://api.telegram.org/bot123456789:{'x' * 35}/getMe", None),
        (f"123456789:{'x' * 35}", "***"),
        ("https://user:password1@host/", "https://user:***@host/"),
        ("on http://127.0.0.1:59789, port 1", "on http://127.0.0.1:59789, port 1"),
        ("12:30:59 100%|###| 20/20 [00:01<00:00]", "12:30:59 100%|###| 20/20 [00:01<00:00]"),
        ("http://127.0.0.1:8188/view?filename=a", "http://127.0.0.1:8188/view?filename=a"),
        ("Loading /models/bottom.safetensors", "Loading /models/bottom.safetensors"),
    ],
    ids=lambda text: str(text)[:30],
)
def test_what_looks_like_a_secret_is_hidden_in_what_leaves(text: str, clean: str | None) -> None:
    cleaned = Redaction().clean_all(text)
    assert "x" * 35 not in cleaned
    assert clean is None or cleaned == clean
