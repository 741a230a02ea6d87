"""Rules for what the page says to people, which a machine can check."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest

from studio.settings import LIMITS
from tests.policy.source import ROOT, shown, walk

MESSAGES = ROOT / "frontend/js/messages"
LANGUAGES = sorted(path.name for path in MESSAGES.iterdir())
ENTRY = re.compile(
    r"""^ {2}(?:'([^']+)'|(\w+)):\s*(?:'((?:[^'\\]|\\.)*)'|\{([^}]*(?:\{\w+\}[^}]*)*)\}),$""",
    re.MULTILINE,
)
FORM = re.compile(r"(\w+): '((?:[^'\\]|\\.)*)'")
SLOT = re.compile(r"\{(\w+)\}")
SENTENCE = re.compile(r">\s*[A-Z][a-z]+ [a-z]+[^<${}]*<")
WORDS = re.compile(r"""\b(?:label|title|placeholder|alt|help)=["'][^"'$]*[A-Za-z]{2}""")
ASKED = re.compile(r"""['"`]([a-z]\w*)\.([\w.:-]+)['"`]""")
ASKED_BY_PART = re.compile(r"`([a-z]\w*)\.([\w.:-]*)\$\{")


def messages(language: str, view: str) -> dict[str, list[str]]:
    """What one view says in one language: every form of every message, by its name."""
    text = (MESSAGES / language / f"{view}.js").read_text(encoding="utf-8")
    found = {
        quoted or plain: [single] if not forms else [form for _, form in FORM.findall(forms)]
        for quoted, plain, single, forms in ENTRY.findall(text)
    }
    assert len(found) == len(re.findall(r"^ {2}['\w]", text, re.MULTILINE)), f"{language}/{view}"
    return found


@cache
def code() -> dict[Path, str]:
    """Every module of the page that is no messages, by its path."""
    return {
        path: path.read_text(encoding="utf-8")
        for path in walk(".js", under="frontend")
        if MESSAGES not in path.parents
    }


VIEWS = sorted(path.stem for path in (MESSAGES / "en").glob("*.js"))


def test_there_is_more_than_one_language() -> None:
    chosen = (ROOT / "frontend/js/core/messages.js").read_text(encoding="utf-8")
    table = chosen.partition("LANGUAGES = {")[2].partition("}")[0]
    assert re.findall(r"(\w+):", table) == ["en", "de"]
    assert set(LANGUAGES) == {"en", "de"}


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("language", [each for each in LANGUAGES if each != "en"])
def test_every_language_says_everything_with_the_same_slots(language: str, view: str) -> None:
    english, other = messages("en", view), messages(language, view)
    assert set(english) == set(other)

    def slots(forms: list[str]) -> set[str]:
        return {slot for form in forms for slot in SLOT.findall(form)}

    wrong = [name for name in english if slots(english[name]) != slots(other[name])]
    assert wrong == []


def test_every_language_has_the_same_views() -> None:
    for language in LANGUAGES:
        assert sorted(path.stem for path in (MESSAGES / language).glob("*.js")) == VIEWS


@pytest.mark.parametrize("view", VIEWS)
def test_every_message_is_said_somewhere(view: str) -> None:
    if view == "errors":
        # Looked up by the codes of refusals.
        return
    said = {name for text in code().values() for each, name in ASKED.findall(text) if each == view}
    begun = {
        name
        for text in code().values()
        for each, name in ASKED_BY_PART.findall(text)
        if each == view
    }
    unused = {
        name
        for name in messages("en", view)
        if name not in said and not any(name.startswith(start) for start in begun)
    }
    assert unused == set()


def test_every_message_that_is_asked_for_is_there() -> None:
    lacking = [
        f"{shown(path)}: {view}.{name}"
        for path, text in code().items()
        for view, name in re.findall(r"""\bt\(\s*'([a-z]\w*)\.([^']+)'""", text)
        if view not in VIEWS or name not in messages("en", view)
    ]
    assert lacking == []


def test_views_hold_no_words_of_their_own() -> None:
    wrong = [
        f"{shown(path)}: {match[0]}"
        for path, text in code().items()
        for pattern in (SENTENCE, WORDS)
        if (match := pattern.search(text))
    ]
    assert wrong == []


def test_every_limit_that_settings_lists_has_its_words() -> None:
    assert {f"limits.{name}" for name in LIMITS} <= messages("en", "settings").keys()
