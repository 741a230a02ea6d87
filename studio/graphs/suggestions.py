"""Names close to one that was not found, cheap enough for hostile graphs."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from itertools import islice
from typing import Final

from studio.graphs.declarations import MODEL_SUFFIXES

_MAX_CLOSEST: Final = 5
_MAX_NAME_LENGTH: Final = 200
_MAX_CANDIDATES: Final = 2000
_MAX_LOOKUPS: Final = 20


class Suggestions:
    """Finds close names for the first distinct misses of one graph and no more.

    Comparing names costs milliseconds; a graph with thousands of wrong names gets them for the
    first few and an empty answer for the rest.
    """

    def __init__(self) -> None:
        self._lookups = 0
        self._known: dict[tuple[str, str], list[str]] = {}

    def closest(self, name: object, candidates: Iterable[object], kind: str) -> list[str]:
        """At most 5 of ``candidates`` like ``name``, best first.

        ``kind`` names the set of candidates: one name of one kind is looked up once.
        """
        if not isinstance(name, str) or not 0 < len(name) <= _MAX_NAME_LENGTH:
            return []
        known = self._known.get((kind, name))
        if known is None:
            if self._lookups >= _MAX_LOOKUPS:
                return []
            self._lookups += 1
            known = self._known[kind, name] = _closest(name, candidates)
        return list(known)


def _closest(name: str, candidates: Iterable[object]) -> list[str]:
    texts = [text for text in candidates if isinstance(text, str)]
    wanted = _comparable(name)
    by_form: dict[str, list[str]] = {}
    same_file = [text for text in texts if _comparable(text) == wanted]
    for text in islice(texts, _MAX_CANDIDATES):
        if len(text) <= _MAX_NAME_LENGTH:
            by_form.setdefault(_comparable(text), []).append(text)
    alike = difflib.get_close_matches(wanted, by_form, n=_MAX_CLOSEST, cutoff=0.6)
    found = dict.fromkeys(same_file)
    found |= dict.fromkeys(text for form in alike for text in by_form[form])
    return list(found)[:_MAX_CLOSEST]


def _comparable(name: str) -> str:
    """Lower case, without folder and model suffix: names differ most often in just these."""
    last = name.replace("\\", "/").rpartition("/")[2].lower()
    stem, dot, suffix = last.rpartition(".")
    return stem if stem and dot + suffix in MODEL_SUFFIXES else last
