"""The editor's port, built in order: who is inside, its runs, and the application that serves it.

Apart from ``app.py``, as ``pipeline.py`` is, because little else needs to know of it.
"""

from __future__ import annotations

from dataclasses import dataclass

from fastapi import APIRouter

from studio.accounts import Accounts
from studio.household import Household
from studio.pipeline import Pipeline
from studio.services.assets import AssetService
from studio.services.editor import EditorService
from studio.services.editor_graphs import EditorGraphs
from studio.services.editor_runs import EditorRuns
from studio.services.pace import Pace
from studio.store.editor import EditorStore
from studio.web.comfy_proxy import ComfyProxy
from studio.web.editor_api import editor_routes
from studio.workshop import Workshop


@dataclass(frozen=True, slots=True)
class Editing:
    """The services behind the editor's port, and the port."""

    editor: EditorService
    runs: EditorRuns
    port: ComfyProxy
    router: APIRouter
    """What Studio's own port has of it."""

    async def open(self) -> None:
        """Take up the visits, and the runs that an earlier Studio sent and did not note as jobs.

        After the sessions and keys are loaded, and the unfinished jobs adopted.
        """
        await self.editor.load()
        await self.runs.recover()

    async def close(self) -> None:
        await self.editor.close()
        await self.runs.stop()


def build_editing(
    *,
    house: Household,
    pace: Pace,
    accounts: Accounts,
    pipeline: Pipeline,
    workshop: Workshop,
    assets: AssetService,
) -> Editing:
    """The editor's port over an opened database; nobody is inside yet."""
    settings, db, clock = house.settings, house.db, house.clock
    record = house.activity.record
    store, engines = EditorStore(db), pipeline.engines.engines
    editor = EditorService(
        store=store,
        engines=engines,
        listener=pipeline.follower,
        is_live=accounts.is_live,
        identity_of=accounts.identity_of,
        clock=clock,
        record=record,
    )
    accounts.sessions.on_end(editor.end_session)
    runs = EditorRuns(
        store=store,
        engines=engines,
        queue=pipeline.queue,
        jobs=pipeline.store,
        runner=pipeline.runner,
        clock=clock,
        pace=pace,
    )
    graphs = EditorGraphs(
        jobs=pipeline.jobs,
        assets=assets,
        library=workshop.library,
        workflows=workshop.workflows,
    )
    port = ComfyProxy(
        editor=editor, runs=runs, graphs=graphs, settings=settings, check_s=pace.editor_check_s
    )
    return Editing(editor, runs, port, editor_routes(editor, graphs, settings))
