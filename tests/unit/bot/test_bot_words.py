"""The bot says the same in every language."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from studio.bot.bot import COMMANDS
from studio.bot.words import WORDS, say, why
from studio.telegram_records import LANGUAGES

SLOT = re.compile(r"\{(\w+)\}")
ROOT = Path(__file__).resolve().parents[3]
OTHERS = [language for language in LANGUAGES if language != "en"]


def test_it_speaks_the_languages_that_a_chat_can_be_set_to() -> None:
    assert tuple(WORDS) == LANGUAGES


@pytest.mark.parametrize("language", OTHERS)
def test_every_language_says_everything_with_the_same_slots(language: str) -> None:
    english, other = WORDS["en"], WORDS[language]
    assert english.keys() == other.keys()
    wrong = [
        key
        for key in english
        if sorted(SLOT.findall(english[key])) != sorted(SLOT.findall(other[key]))
    ]
    assert wrong == []


@pytest.mark.parametrize("language", OTHERS)
def test_no_language_leaves_sentences_in_english(language: str) -> None:
    same = [
        key
        for key, text in WORDS[language].items()
        if text == WORDS["en"][key] and " " in SLOT.sub("", text).strip(": %")
    ]
    assert same == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_menu_of_commands_fits_into_telegrams_limits(language: str) -> None:
    texts = [text for key, text in WORDS[language].items() if key.startswith("command_")]
    assert len(texts) == len(COMMANDS)
    assert all(1 <= len(text) <= 256 for text in texts)


def test_all_that_it_can_say_is_said_somewhere() -> None:
    code = "".join(
        path.read_text(encoding="utf-8")
        for folder in ("studio/bot", "studio")
        for path in (ROOT / folder).glob("*.py")
    )
    by_part = ("command_", "error_", "kind_", "settings_")
    quoted = set(re.findall(r"""["'][a-z_]+["']""", code))
    unsaid = [
        key
        for key in WORDS["en"]
        if not {f'"{key}"', f"'{key}'"} & quoted
        and not key.startswith(by_part)
        and key != "language"
    ]
    assert unsaid == []


def test_an_unknown_language_is_english() -> None:
    assert say("xx", "yes") == "Yes"


@pytest.mark.parametrize("language", OTHERS)
def test_a_common_refusal_is_said_in_the_chats_language_with_what_studio_says_of_it(
    language: str,
) -> None:
    reason = "The queue is full (7 jobs). Try again soon."
    told = why(language, "queue_full", reason)
    assert reason in told
    assert told != reason
    assert why("en", "queue_full", reason) == reason
    assert why(language, "not_one_of_them", reason) == reason


def test_the_refusals_that_it_has_words_for_exist() -> None:
    defined = "".join(
        path.read_text(encoding="utf-8")
        for path in (ROOT / "studio").rglob("*.py")
        if "words" not in path.parts
    )
    codes = [key.removeprefix("error_") for key in WORDS["en"] if key.startswith("error_")]
    assert codes
    assert [code for code in codes if f'"{code}"' not in defined] == []
