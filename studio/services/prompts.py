"""Saved prompts, and the word lists that dynamic prompts draw from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final, get_args

from studio.clock import Clock, new_id
from studio.errors import InvalidPreset, NotFound
from studio.graphs import wildcards
from studio.graphs.questions import texts
from studio.models import Identity
from studio.services import preset_fields as fields
from studio.store.prompts import PromptKind, PromptStore, SavedPrompt, WordListStore

KINDS: Final = get_args(PromptKind)
MAX_LIST_BYTES: Final = 256 * 1024
_MAX_LIST_NAME: Final = 64
_FIELDS: Final = frozenset({"name", "kind", "text", "tags", "shared"})


class PromptService:
    """Texts of a caller, and those that others share."""

    def __init__(self, *, prompts: PromptStore, lists: WordListStore, clock: Clock) -> None:
        self._prompts = prompts
        self._lists = lists
        self._clock = clock

    # -- saved prompts ---------------------------------------------------------------------------

    async def page(
        self, identity: Identity, query: str = "", kind: str | None = None
    ) -> Sequence[SavedPrompt]:
        """What the caller may use, by name."""
        return await self._prompts.all(_whose(identity), query, kind)

    async def create(self, identity: Identity, body: Mapping[str, Any]) -> SavedPrompt:
        """Raises ``InvalidPreset`` for what does not fit, ``Conflict`` when there are too many."""
        fields.known_fields(body, _FIELDS)
        now_ms = self._clock.now_ms()
        prompt = SavedPrompt(
            id=new_id(),
            user_id=identity.user_id,
            name=fields.name_of(body),
            kind=_kind(body),
            text=fields.text_of(body, "text", fields.MAX_TEXT, None),
            tags=fields.tags_of(body),
            shared=fields.flag_of(body, "shared"),
            created_at=now_ms,
            updated_at=now_ms,
        )
        await self._prompts.put(prompt)
        return prompt

    async def update(
        self, identity: Identity, prompt_id: str, body: Mapping[str, Any]
    ) -> SavedPrompt:
        """Change what is given of a prompt.

        Raises:
            NotFound: it is nobody's, or another user's.
            InvalidPreset: something does not fit.
        """
        fields.known_fields(body, _FIELDS)
        before = await self._prompts.get(prompt_id, _whose(identity))
        prompt = replace(
            before,
            name=fields.name_of(body) if "name" in body else before.name,
            kind=_kind(body) if "kind" in body else before.kind,
            text=fields.text_of(body, "text", fields.MAX_TEXT, None)
            if "text" in body
            else before.text,
            tags=fields.tags_of(body) if "tags" in body else before.tags,
            shared=fields.flag_of(body, "shared") if "shared" in body else before.shared,
            updated_at=self._clock.now_ms(),
        )
        await self._prompts.put(prompt)
        return prompt

    async def delete(self, identity: Identity, prompt_id: str) -> None:
        """Raises ``NotFound`` when it is nobody's, or another user's."""
        await self._prompts.delete(prompt_id, _whose(identity))

    # -- word lists ------------------------------------------------------------------------------

    async def list_lists(self, identity: Identity) -> Sequence[tuple[str, int, int]]:
        """The caller's own: (name, number of lines, time of the last change)."""
        return await self._lists.all(identity.user_id)

    async def get_list(self, identity: Identity, name: str) -> Sequence[str]:
        """Raises ``NotFound`` when the caller has none of that name."""
        found = await self._lists.get(identity.user_id, [name])
        if name not in found:
            raise NotFound("You have no list of that name.")
        return found[name]

    async def put_list(self, identity: Identity, name: str, text: str) -> int:
        """Keep a list; empty lines and those that begin with ``#`` are left out.

        Returns:
            How many lines it has.

        Raises:
            InvalidPreset: the name cannot be written in a prompt, or the list is too long.
            InvalidPrompt: a line cannot be read.
            Conflict: the caller has as many lists as there may be.
        """
        if len(name) > _MAX_LIST_NAME or not wildcards.LIST_NAME.fullmatch(name):
            raise fields.wrong(
                "name",
                f"has up to {_MAX_LIST_NAME} letters and digits, with single - and _ between them.",
            )
        if len(text.encode()) > MAX_LIST_BYTES:
            raise fields.wrong("text", f"is longer than {MAX_LIST_BYTES:,} bytes.")
        lines = [line.strip() for line in text.splitlines()]
        kept = [line for line in lines if line and not line.startswith("#")]
        wildcards.check_list(name, kept)
        await self._lists.put(identity.user_id, name, kept, self._clock.now_ms())
        return len(kept)

    async def delete_list(self, identity: Identity, name: str) -> None:
        """Raises ``NotFound`` when the caller has none of that name."""
        await self._lists.delete(identity.user_id, name)

    async def words_for(self, user_id: str, values: object) -> dict[str, list[str]]:
        """A user's lists that the texts of ``values`` may lead to, through other lists too."""
        found: dict[str, list[str]] = {}
        wanted = _names(text for _, text in texts(values))
        asked: set[str] = set()
        while wanted - asked:
            more = await self._lists.get(user_id, wanted - asked)
            asked |= wanted
            found |= more
            wanted = _names(line for lines in more.values() for line in lines)
        return found


def _names(found: Iterable[str]) -> set[str]:
    return {name for text in found for name in wildcards.list_names(text)}


def _kind(body: Mapping[str, Any]) -> PromptKind:
    kind: PromptKind = body.get("kind", "text")
    if kind not in KINDS:
        raise InvalidPreset(f"kind must be one of {', '.join(KINDS)}.", details={"where": "kind"})
    return kind


def _whose(identity: Identity) -> str | None:
    return None if identity.sees_all else identity.user_id
