"""What the bot says, in every language that it speaks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from studio.bot.words.de import WORDS as DE
from studio.bot.words.en import WORDS as EN
from studio.bot.words.it import WORDS as IT
from studio.bot.words.zh import WORDS as ZH

WORDS: Final[Mapping[str, Mapping[str, str]]] = {"en": EN, "de": DE, "it": IT, "zh": ZH}


def say(language: str, key: str, **facts: object) -> str:
    """The sentence of that key with its facts filled in; English where the language is unknown."""
    text = WORDS.get(language, EN)[key]
    return text.format(**facts) if facts else text


def why(language: str, code: str, message: str) -> str:
    """What an error says, with a sentence in the chat's language before it where there is one."""
    key = f"error_{code}"
    return say(language, key, reason=message) if key in EN else message
