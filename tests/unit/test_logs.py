"""What is hidden in log lines, and in texts that leave Studio."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from urllib.parse import quote, quote_plus

import orjson
import pytest

from studio.logs import Redaction, hidden_forms


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
    assert redaction.clean_all("abcdef", hidden_forms(["def"])) == "abcdef"


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        (f"Open http://h/#/setup/{'a' * 43} now", "Open http://h/#/setup/*** now"),
        (f"http://h/#/join/{'a' * 43}", "http://h/#/join/***"),
        ("GET /x?token=abcdefgh&b=1", "GET /x?token=***&b=1"),
        ("Authorization: Bearer abcdefgh", "Authorization: Bearer ***"),
        (f"key studio_{'x' * 43}.", "key ***."),
        (f"hf_{'A' * 34}", "***"),
        (
            f"https://api.telegram.org/bot123456789:{'x' * 35}/getMe",
            "https://api.telegram.org/bot***/getMe",
        ),
        (f"123456789:{'x' * 35}", "***"),
        ("https://user:password1@host/", "https://user:***@host/"),
        ("on http://127.0.0.1:59789, port 1", "on http://127.0.0.1:59789, port 1"),
        ("12:30:59 100%|###| 20/20 [00:01<00:00]", "12:30:59 100%|###| 20/20 [00:01<00:00]"),
        ("http://127.0.0.1:8188/view?filename=a", "http://127.0.0.1:8188/view?filename=a"),
        ("https://x/?access_token=abcdefghijkl&b=1", "https://x/?access_token=***&b=1"),
        (
            "/file?X-Amz-Credential=AB/20/us&X-Amz-Signature=0123456789ab&Expires=1",
            "/file?X-Amz-Credential=***&X-Amz-Signature=***&Expires=1",
        ),
        (f"https://x/?key=AIza{'S' * 35}", "https://x/?key=***"),
        (f"it was AIza{'S' * 35}", "it was ***"),
        (f"OpenAI sk-proj-{'a' * 30} said no", "OpenAI *** said no"),
        (f"ghp_{'a' * 36}, r8_{'a' * 37}, npm_{'a' * 36}", "***, ***, ***"),
        (f"github_pat_{'a' * 22}_{'b' * 59} glpat-{'a' * 20}", "*** ***"),
        (f"xoxb-{'1' * 12}-{'a' * 24} AKIA{'A' * 16} comfyui-{'0' * 64}", "*** *** ***"),
        (f"eyJ{'a' * 20}.eyJ{'b' * 20}.{'c' * 20}", "***"),
        ("Authorization: Basic dXNlcjpwYXNzd29yZA==", "Authorization: Basic ***"),
        ("{'authorization': 'Token abcdefgh'}", "{'authorization': 'Token ***'}"),
        ("(b'authorization', b'Basic dXNlcjpwYXNz')", "(b'authorization', b'Basic ***')"),
        ("BEARER abcdefghijkl", "BEARER ***"),
        ("Cookie: one=abcdefgh; two=ijklmnop\nnext line", "Cookie: ***\nnext line"),
        ('"Set-Cookie": "one=abcdefgh; Path=/", "a": 1', '"Set-Cookie": "***", "a": 1'),
        ("HF_TOKEN=mytokenvalue12345 python main.py", "HF_TOKEN=*** python main.py"),
        ("AWS_SECRET_ACCESS_KEY=ab/cd+ef", "AWS_SECRET_ACCESS_KEY=***"),
        ('{"token": "abcdefghijklmnop", "n": 1}', '{"token": "***", "n": 1}'),
        (r'"{\"api_key\": \"abcdefgh\", \"n\": 1}"', r'"{\"api_key\": \"***\", \"n\": 1}"'),
        ("password = 'correct-horse'", "password = '***'"),
        ("run --hf-token abcdefgh --port 1", "run --hf-token *** --port 1"),
        ("apikey=abcdefghijklmn", "apikey=***"),
        ("token=***", "token=***"),
        ("tokenizer: t5xxl_fp16.safetensors", "tokenizer: t5xxl_fp16.safetensors"),
        ("max_tokens=2048000", "max_tokens=2048000"),
        ("the key: 12345678 of it", "the key: 12345678 of it"),
        ("a basic installation", "a basic installation"),
        ("Loading /models/bottom.safetensors", "Loading /models/bottom.safetensors"),
    ],
    ids=lambda text: str(text)[:30],
)
def test_what_looks_like_a_secret_is_hidden_in_what_leaves(text: str, clean: str) -> None:
    cleaned = Redaction().clean_all(text)
    assert "x" * 35 not in cleaned
    assert cleaned == clean


@pytest.mark.parametrize(
    "form",
    [
        str,
        quote,
        quote_plus,
        lambda secret: quote(secret, safe=""),
        lambda secret: re.sub("%..", lambda code: code[0].lower(), quote(secret)),
        json.dumps,
        lambda secret: json.dumps(secret).replace("/", "\\/"),
        lambda secret: orjson.dumps(secret).decode(),
    ],
    ids=[
        "itself",
        "quoted",
        "plus",
        "quoted whole",
        "lower case",
        "JSON",
        "JSON for pages",
        "UTF-8",
    ],
)
@pytest.mark.parametrize("known", [True, False], ids=["known for long", "of this moment"])
def test_a_known_secret_is_hidden_however_it_is_written(
    form: Callable[[str], str], known: bool
) -> None:
    secret = 'Ab+/c ä"f'
    redaction = Redaction()
    redaction.hide("key", secret if known else None)
    further = hidden_forms([] if known else [secret])
    assert redaction.clean_all(f"<{form(secret).strip(chr(34))}>", further) == "<***>"


def test_a_secret_that_begins_with_another_is_hidden_whole() -> None:
    redaction = Redaction()
    redaction.hide("short", "abcdefgh")
    redaction.hide("long", "abcdefghijkl")
    assert redaction.clean("abcdefghijkl abcdefgh") == "*** ***"
