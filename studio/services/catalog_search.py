"""Finding entries of the catalogs by the words that people have for them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from studio.services.catalog_entries import Entry
from studio.services.families import Families

MAX_WORDS: Final = 12
_BASES: Final = frozenset({"checkpoints", "diffusion_models"})
"""Where a base model itself lies; the other folders have what is made for one."""
_SCALE: Final = re.compile(r"(\d{1,2})x|x(\d{1,2})")


@dataclass(frozen=True, slots=True)
class _Word:
    text: str
    pattern: re.Pattern[str] | None
    """How it is looked for where that is not simply its letters."""

    def is_in(self, text: str) -> bool:
        return bool(self.pattern.search(text)) if self.pattern else self.text in text


class CatalogSearch:
    """One search: every word has to fit an entry, in its name, file, tags, folder or base model.

    Words that together are a base model's name, or begin one, fit what is of that base model: “sd
    1.5” and “sd15” find all of Stable Diffusion 1.5.
    """

    def __init__(self, text: str, families: Families) -> None:
        self._families = families
        self._words = [_word(each) for each in text.casefold().split()[:MAX_WORDS]]
        count = len(self._words)
        self._named = {
            (start, end): families.beginning(self._phrase(start, end))
            for start in range(count)
            for end in range(start + 1, count + 1)
        }

    def _phrase(self, start: int, end: int) -> str:
        return " ".join(word.text for word in self._words[start:end])

    def fits(self, entry: Entry) -> bool:
        """Whether an entry is one of those that are looked for."""
        known = self._families.find(entry.family)
        name = known.name if known else entry.family or ""
        text = " ".join((entry.name, entry.file, name, *entry.tags)).casefold()
        # How many words, from the first one on, can be accounted for.
        reached = {0}
        for start, word in enumerate(self._words):
            if start not in reached:
                continue
            if word.is_in(text) or _is_of_folder(word.text, entry.folder):
                reached.add(start + 1)
            reached |= {
                end
                for (first, end), families in self._named.items()
                if first == start and entry.family in families
            }
        return len(self._words) in reached

    def rank(self, entry: Entry) -> tuple[int, int]:
        """What is meant before what only goes with it; then names before other words."""
        if not self._words:
            return 0, 0
        families = self._named[0, len(self._words)]
        is_base = entry.folder in _BASES and entry.family in families
        is_meant = is_base or _begins(entry.folder, self._words[0].text)
        names = f"{entry.name} {entry.file}".casefold()
        known = self._families.find(entry.family)
        is_named = all(word.is_in(names) for word in self._words) or (
            is_base and known is not None and known.name.casefold() in names
        )
        return int(not is_meant), int(not is_named)


def _word(text: str) -> _Word:
    # 4x and x4 are the same factor, and 14x another one.
    if scale := _SCALE.fullmatch(text):
        factor = scale[1] or scale[2]
        return _Word(text, re.compile(rf"(?<![a-z0-9])(?:{factor}x|x{factor}(?!\d))"))
    return _Word(text, None)


def _is_of_folder(word: str, folder: str) -> bool:
    """Whether a word is one of a folder's: “upscaler” is, of ``latent_upscale_models``."""
    return any(_alike(part, word) for part in folder.casefold().split("_"))


def _begins(folder: str, word: str) -> bool:
    return _alike(folder.casefold().partition("_")[0], word)


def _alike(part: str, word: str) -> bool:
    return len(word) > 1 and (part.startswith(word) or word in (f"{part}r", f"{part}s"))
