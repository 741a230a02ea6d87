"""Films: planned in steps that can be seen and changed, until a form takes them up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from studio.clock import Clock, new_id
from studio.models import Identity
from studio.services import chat_fields as fields
from studio.services.assists import MAX_SCENES
from studio.services.chat_news import ChatNews
from studio.services.chat_tools import kind_of
from studio.services.presets import PresetService
from studio.services.workflows import viewer
from studio.store.films import Film, FilmStore, Scene
from studio.store.presets import PresetFilter
from studio.store.workflows import WorkflowStore

SECONDS: Final = (0.1, 600.0)
"""A scene's, least and most."""
_FIELDS: Final = frozenset(
    {"picture", "description", "count", "scenes", "preset_id", "workflow_id"}
)
_COUNT: Final = 3
_MAX_MAKERS: Final = 500


@dataclass(frozen=True, slots=True)
class Maker:
    """What makes videos of films: a preset, or a workflow as it comes. ``kind`` says which."""

    kind: str
    id: str
    name: str
    workflow_id: str
    version: int | None
    values: Mapping[str, Any]


class FilmService:
    """The films of one caller; nobody sees those of others, nor does the owner."""

    def __init__(
        self,
        *,
        films: FilmStore,
        presets: PresetService,
        workflows: WorkflowStore,
        news: ChatNews,
        clock: Clock,
    ) -> None:
        self._films = films
        self._presets = presets
        self._workflows = workflows
        self._news = news
        self._clock = clock

    async def all(self, identity: Identity) -> Sequence[Film]:
        """The caller's films, the one that changed last first."""
        return await self._films.all(identity.user_id)

    async def get(self, identity: Identity, film_id: str) -> Film:
        """Raises ``NotFound`` when it is not the caller's."""
        return await self._films.get(identity.user_id, film_id)

    async def create(self, identity: Identity, body: Mapping[str, Any]) -> Film:
        """A new film with what is given.

        Raises:
            InvalidChat: a field does not fit.
            NotFound: the picture is not the caller's.
            Conflict: the caller has too many.
        """
        now_ms = self._clock.now_ms()
        empty = Film(
            id=new_id(),
            user_id=identity.user_id,
            picture=None,
            description="",
            count=_COUNT,
            scenes=(),
            preset_id=None,
            workflow_id=None,
            created_at=now_ms,
            updated_at=now_ms,
        )
        film = _filled(empty, body)
        await self._films.add(film)
        self._news.film(identity.user_id, film.id)
        return film

    async def update(self, identity: Identity, film_id: str, body: Mapping[str, Any]) -> Film:
        """Change what is given of a film.

        Raises:
            InvalidChat: a field does not fit.
            NotFound: it, or the picture, is not the caller's.
        """
        now_ms = self._clock.now_ms()
        film = await self._films.update(
            identity.user_id,
            film_id,
            lambda before: replace(_filled(before, body), updated_at=now_ms),
            has_new_picture="picture" in body,
        )
        self._news.film(identity.user_id, film_id)
        return film

    async def delete(self, identity: Identity, film_id: str) -> None:
        """Raises ``NotFound`` when it is not the caller's."""
        await self._films.delete(identity.user_id, film_id)
        self._news.film(identity.user_id, film_id)

    async def makers(self, identity: Identity) -> Sequence[Maker]:
        """What the caller may make videos with: presets first, then workflows as they come."""
        seen = await self._workflows.visible(viewer(identity), trashed=False)
        videos = {each.id: each for each in seen if kind_of(each.version.manifest) == "video"}
        found, _ = await self._presets.page(identity, PresetFilter(limit=_MAX_MAKERS))
        presets = [
            Maker(
                "preset",
                view.preset.id,
                view.preset.name,
                view.preset.workflow_id,
                view.preset.workflow_version,
                view.preset.values,
            )
            for view in found
            if view.preset.workflow_id in videos
        ]
        workflows = [
            Maker("workflow", each.id, str(each.version.manifest["name"]), each.id, None, {})
            for each in videos.values()
        ]
        by_name = sorted(workflows, key=lambda maker: maker.name.casefold())
        return [*sorted(presets, key=lambda maker: maker.name.casefold()), *by_name]


def _filled(film: Film, body: Mapping[str, Any]) -> Film:
    """The film with what the body says of it."""
    fields.known_fields(body, _FIELDS)
    changes: dict[str, Any] = {
        name: fields.id_of(body, name)
        for name in ("picture", "preset_id", "workflow_id")
        if name in body
    }
    if "description" in body:
        changes["description"] = fields.text_of(body, "description", fields.MAX_EXAMPLE)
    if "count" in body:
        count = body["count"]
        if type(count) is not int or not 1 <= count <= MAX_SCENES:
            raise fields.wrong("count", f"is a whole number from 1 to {MAX_SCENES}.")
        changes["count"] = count
    if "scenes" in body:
        changes["scenes"] = _scenes(body["scenes"])
    return replace(film, **changes)


def _scenes(given: object) -> tuple[Scene, ...]:
    if not isinstance(given, list) or len(given) > MAX_SCENES:
        raise fields.wrong("scenes", f"must be a list of at most {MAX_SCENES}.")
    found = []
    for each in given:
        if not isinstance(each, dict) or each.keys() != {"text", "seconds"}:
            raise fields.wrong("scenes", "must be objects with text and seconds.")
        seconds = each["seconds"]
        is_number = isinstance(seconds, int | float) and not isinstance(seconds, bool)
        if not is_number or not SECONDS[0] <= seconds <= SECONDS[1]:
            raise fields.wrong("scenes", f"last from {SECONDS[0]} to {SECONDS[1]} seconds.")
        text = fields.text_of(each, "text", fields.MAX_EXAMPLE)
        found.append(Scene(text, float(seconds)))
    return tuple(found)
