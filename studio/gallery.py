"""The library, built in order: its rows, what fills them, what people do with them."""

from __future__ import annotations

from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter

from studio.clients.video import VideoReader
from studio.household import Household
from studio.services.boards import BoardService
from studio.services.indexer import Indexer
from studio.services.library import LibraryService
from studio.services.library_rules import LibraryRules
from studio.services.library_zips import LibraryZips
from studio.services.queue import JobQueue
from studio.store.assets import AssetStore
from studio.store.blobs import BlobStore
from studio.store.boards import BoardStore
from studio.store.job_recipes import RecipeStore
from studio.store.jobs import JobStore
from studio.store.picture_list import PictureListStore
from studio.store.picture_rules import PictureRuleStore
from studio.store.pictures import PictureStore
from studio.store.prefs import PrefStore
from studio.store.trash import TrashStore
from studio.web.boards_api import board_routes
from studio.web.library_api import library_routes
from studio.web.library_rules_api import library_rule_routes
from studio.web.links import Links


@dataclass(frozen=True, slots=True)
class Gallery:
    """The library's services."""

    indexer: Indexer
    library: LibraryService
    boards: BoardService
    zips: LibraryZips
    rules: LibraryRules

    def router(self, links: Links) -> APIRouter:
        """Everything under ``/api/library`` and ``/api/boards``."""
        router = APIRouter()
        # The rules first: the other routes take any name for an asset's.
        router.include_router(library_rule_routes(self.rules))
        router.include_router(library_routes(library=self.library, zips=self.zips, links=links))
        router.include_router(board_routes(self.boards))
        return router

    def background(self) -> list[tuple[str, Coroutine[Any, Any, None]]]:
        """What runs for as long as Studio does, by name."""
        return [("library", self.indexer.run()), ("library rules", self.rules.run())]


def build_gallery(
    *,
    house: Household,
    assets: AssetStore,
    jobs: JobStore,
    blobs: BlobStore,
    queue: JobQueue,
) -> Gallery:
    """The services over an opened database.

    Args:
        queue: it has jobs in memory, whose outputs must not outlive the trash there.
    """
    db, clock, record = house.db, house.clock, house.activity.record
    recipes = RecipeStore(db)
    lists, pictures, boards = PictureListStore(db), PictureStore(db, assets), BoardStore(db)
    indexer = Indexer(pictures=pictures, blobs=blobs, videos=VideoReader(), recipes=recipes)
    return Gallery(
        indexer=indexer,
        library=LibraryService(
            lists=lists,
            pictures=pictures,
            boards=boards,
            jobs=jobs,
            recipes=recipes,
            settle=indexer.settle,
            forget_jobs=queue.forget,
            record=record,
            clock=clock,
        ),
        boards=BoardService(boards=boards, clock=clock),
        zips=LibraryZips(lists=lists, blobs=blobs, clock=clock),
        rules=LibraryRules(
            prefs=PrefStore(db),
            pictures=pictures,
            candidates=PictureRuleStore(db),
            trash=TrashStore(db),
            folder=db.path.parent,
            forget_jobs=queue.forget,
            record=record,
            clock=clock,
        ),
    )
