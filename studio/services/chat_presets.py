"""Chat presets: manners to begin conversations in, private or shared."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from studio.clock import Clock, new_id
from studio.models import Identity
from studio.services import chat_fields as fields
from studio.store.chat_presets import ChatPresetStore
from studio.store.chat_records import ChatPreset, Manner

_FIELDS: Final = frozenset({"name", "description", "shared", *fields.MANNER})


class ChatPresetService:
    """Presets of a caller, and those that others share.

    Args:
        record: tells the activity log: who, what kind of thing, which.
    """

    def __init__(
        self, *, presets: ChatPresetStore, clock: Clock, record: Callable[..., None]
    ) -> None:
        self._presets = presets
        self._clock = clock
        self._record = record

    async def all(self, identity: Identity) -> Sequence[ChatPreset]:
        """What the caller may begin conversations with, by name."""
        return await self._presets.all(identity.user_id)

    async def get(self, identity: Identity, preset_id: str) -> ChatPreset:
        """Raises ``NotFound`` for one that the caller may not use."""
        return await self._presets.get(identity.user_id, preset_id)

    async def create(self, identity: Identity, body: Mapping[str, Any]) -> ChatPreset:
        """Raises ``InvalidChat`` for what does not fit, ``Conflict`` when there are too many."""
        fields.known_fields(body, _FIELDS)
        now_ms = self._clock.now_ms()
        preset = ChatPreset(
            id=new_id(),
            user_id=identity.user_id,
            user_name="",
            name=fields.line_of(body, "name", fields.MAX_NAME),
            description=fields.text_of(body, "description", fields.MAX_DESCRIPTION),
            manner=fields.manner_of(body, Manner()),
            shared=fields.flag_of(body, "shared"),
            created_at=now_ms,
            updated_at=now_ms,
        )
        return await self._put(identity, preset)

    async def update(
        self, identity: Identity, preset_id: str, body: Mapping[str, Any]
    ) -> ChatPreset:
        """Change what is given of a preset.

        Raises:
            NotFound: it is not the caller's own.
            InvalidChat: a field does not fit.
        """
        fields.known_fields(body, _FIELDS)
        before = await self._presets.get(identity.user_id, preset_id, own=True)
        preset = replace(
            before,
            name=fields.line_of(body, "name", fields.MAX_NAME) if "name" in body else before.name,
            description=fields.text_of(body, "description", fields.MAX_DESCRIPTION)
            if "description" in body
            else before.description,
            manner=fields.manner_of(body, before.manner),
            shared=fields.flag_of(body, "shared") if "shared" in body else before.shared,
            updated_at=self._clock.now_ms(),
        )
        return await self._put(identity, preset)

    async def delete(self, identity: Identity, preset_id: str) -> None:
        """Raises ``NotFound``. Conversations that began with it go on as they are."""
        await self._presets.delete(identity.user_id, preset_id)
        self._record(identity.user_id, "chat_preset.deleted", preset_id)

    async def _put(self, identity: Identity, preset: ChatPreset) -> ChatPreset:
        await self._presets.put(preset)
        self._record(identity.user_id, "chat_preset.saved", preset.name, id=preset.id)
        return await self._presets.get(identity.user_id, preset.id)
