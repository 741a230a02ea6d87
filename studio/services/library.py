"""The library: what people have made and uploaded, found again, judged, thrown away and kept."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal, get_args

from studio.clock import Clock
from studio.errors import NotFound, Unprocessable
from studio.graphs.graph import Graph
from studio.graphs.parameters import Parameters, model_kinds, parameters
from studio.graphs.prompts import prompt_texts
from studio.models import Identity, Job, Recipe
from studio.services.indexer import name_key, read_graph
from studio.store.boards import BoardStore
from studio.store.job_recipes import RecipeStore
from studio.store.jobs import JobStore
from studio.store.picture_list import Facets, Picture, PictureFilter, PictureListStore
from studio.store.picture_outline import Outline
from studio.store.pictures import Changed, PictureStore

Action = Literal[
    "trash",
    "restore",
    "purge",
    "favourite",
    "unfavourite",
    "rate",
    "add_to_board",
    "remove_from_board",
]
ACTIONS: Final[tuple[Action, ...]] = get_args(Action)
MAX_RATING: Final = 5
MAX_TITLE: Final = 200
MINUTE_MS: Final = 60_000
_AT_ONCE: Final = 250


@dataclass(frozen=True, slots=True)
class Detail:
    """One file with all that is known of how it was made; uploads have only the first."""

    picture: Picture
    job: Job | None = None
    graph: Graph | None = None
    prompts: tuple[Sequence[str], Sequence[str]] = ((), ())
    """The texts of its graph: what was wanted, and what was not."""
    parameters: Parameters | None = None
    models: tuple[str, ...] = ()
    recipe: Recipe | None = None


class LibraryService:
    """The library of one caller, filtered by user everywhere; the owner sees all.

    Args:
        recipes: what jobs were made from.
        settle: brings in what was made a moment ago; False when there was nothing to bring in.
        forget_jobs: called with the jobs whose outputs look different now.
        record: notes for the list of activities what somebody did.
    """

    def __init__(
        self,
        *,
        lists: PictureListStore,
        pictures: PictureStore,
        boards: BoardStore,
        jobs: JobStore,
        recipes: RecipeStore,
        settle: Callable[[], Awaitable[bool]],
        forget_jobs: Callable[[Iterable[str]], None],
        record: Callable[..., None],
        clock: Clock,
    ) -> None:
        self._lists = lists
        self._pictures = pictures
        self._boards = boards
        self._jobs = jobs
        self._recipes = recipes
        self._settle = settle
        self._forget_jobs = forget_jobs
        self._record = record
        self._clock = clock

    # -- look ------------------------------------------------------------------------------------

    async def page(self, identity: Identity, wanted: PictureFilter) -> tuple[list[Picture], int]:
        """One page of what the caller may see, and how many there are."""
        return await self._lists.page(replace(wanted, viewer=viewer_of(identity)))

    async def outline(
        self, identity: Identity, wanted: PictureFilter, utc_offset_min: int
    ) -> Outline:
        """The shape of all pages together, days by a clock so many minutes ahead of UTC."""
        shown = replace(wanted, viewer=viewer_of(identity))
        return await self._lists.outline(shown, utc_offset_min * MINUTE_MS)

    async def facets(self, identity: Identity) -> Facets:
        """What is worth filtering by."""
        return await self._lists.facets(viewer_of(identity))

    async def get(self, identity: Identity, asset_id: str) -> Detail:
        """One file with every parameter.

        Raises:
            NotFound: it is not in the caller's library.
        """
        picture = await self._picture(identity, asset_id)
        if picture.job_id is None:
            return Detail(picture)
        job = await self._jobs.get(picture.job_id, viewer_of(identity))
        graph = read_graph(await self._jobs.graph(job.id))
        recipes = await self._recipes.of([job.id])
        models = {file for file, kind in model_kinds(job.models) if kind != "lora"}
        return Detail(
            picture,
            job,
            graph,
            prompt_texts(graph, None, {}),
            parameters(graph, picture.node_id),
            tuple(sorted(models)),
            recipes.get(job.id),
        )

    async def _picture(self, identity: Identity, asset_id: str) -> Picture:
        viewer = viewer_of(identity)
        found = await self._lists.get([asset_id], viewer)
        if not found and await self._settle():
            found = await self._lists.get([asset_id], viewer)
        if not found:
            raise NotFound("There is no such file in the library.")
        return found[0]

    # -- change ----------------------------------------------------------------------------------

    async def update(
        self,
        identity: Identity,
        asset_id: str,
        *,
        rating: int | None = None,
        favourite: bool | None = None,
        title: str | None = None,
    ) -> Picture:
        """Change what is given of one file.

        Raises:
            NotFound: it is not in the caller's library.
            Unprocessable: a value is out of bounds.
        """
        picture = await self._picture(identity, asset_id)
        if rating is not None:
            _check_rating(rating)
        key = None
        if title is not None:
            title = " ".join(title.split())
            if len(title) > MAX_TITLE or not title.isprintable():
                raise Unprocessable(
                    f"title has at most {MAX_TITLE} printable characters.",
                    details={"field": "title"},
                )
            key = title, name_key(picture.file_path, title)
        await self._pictures.update(
            asset_id, viewer_of(identity), rating=rating, favourite=favourite, title=key
        )
        return await self._picture(identity, asset_id)

    async def act(
        self, identity: Identity, ids: Sequence[str], action: Action, value: object = None
    ) -> Changed:
        """Do one thing to many files, a few hundred in each commit.

        Args:
            value: the rating of ``rate``, the board of ``add_to_board`` and ``remove_from_board``.

        Raises:
            Unprocessable: ``value`` is wrong.
            NotFound: the caller has no such board.
        """
        step = self._step(identity, action, value)
        unique = list(dict.fromkeys(ids))
        whole = Changed(0)
        for start in range(0, len(unique), _AT_ONCE):
            part = await step(unique[start : start + _AT_ONCE])
            if part.not_found and await self._settle():
                again = await step(part.not_found)
                part = _together(replace(part, not_found=()), again)
            whole = _together(whole, part)
            self._forget_jobs(part.job_ids)
        if whole.count and action in ("trash", "restore", "purge"):
            self._record(identity.user_id, f"library.{action}", f"{whole.count}", count=whole.count)
        return whole

    def _step(
        self, identity: Identity, action: Action, value: object
    ) -> Callable[[Sequence[str]], Awaitable[Changed]]:
        viewer, pictures, now_ms = viewer_of(identity), self._pictures, self._clock.now_ms()
        match action:
            case "trash":
                return lambda ids: pictures.trash(ids, viewer, now_ms)
            case "restore":
                return lambda ids: pictures.trash(ids, viewer, None)
            case "purge":
                return lambda ids: pictures.purge(ids, viewer)
            case "favourite" | "unfavourite":
                to = int(action == "favourite")
                return lambda ids: pictures.set(ids, viewer, "favourite", to)
            case "rate":
                rating = _check_rating(value)
                return lambda ids: pictures.set(ids, viewer, "rating", rating)
        if not isinstance(value, str):
            raise Unprocessable("value must be the id of a board.", details={"field": "value"})
        if action == "add_to_board":
            return lambda ids: self._boards.put(value, ids, viewer, now_ms)
        return lambda ids: self._boards.take(value, ids, viewer)


def _together(one: Changed, other: Changed) -> Changed:
    return Changed(
        one.count + other.count,
        one.not_found + other.not_found,
        one.job_ids | other.job_ids,
        one.refused + other.refused,
    )


def viewer_of(identity: Identity) -> str | None:
    """Whose files the caller may see; ``None`` is everybody's."""
    return None if identity.sees_all else identity.user_id


def _check_rating(value: object) -> int:
    if type(value) is not int or not 0 <= value <= MAX_RATING:
        raise Unprocessable(
            f"A rating is a whole number from 0 to {MAX_RATING}.", details={"field": "rating"}
        )
    return value
