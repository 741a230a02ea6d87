"""Tools for agents: presets and workflows, running them, and waiting for their end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any, Final

from studio.errors import InvalidRequest
from studio.graphs.grids import MAX_COUNT, read_axes
from studio.graphs.manifests.json_schema import parameters
from studio.models import Identity, Scope
from studio.services.batches import Accepted, BatchService, Order
from studio.services.job_waits import JobWaits
from studio.services.jobs import JobService, JobView
from studio.services.presets import PresetService
from studio.services.submissions import Submission
from studio.services.workflow_library import WorkflowLibrary
from studio.store.presets import PresetFilter
from studio.web.job_bodies import studio_body
from studio.web.job_webhooks import job_webhook
from studio.web.links import Links
from studio.web.mcp_tools import ID, LIMIT, START, TEXT, VALUES, Answer, Call, Schema, Tool
from studio.web.webhook_schemas import JOB_FIELDS

MAX_WAIT_S: Final = 300
_WAIT_S: Final = 60
_PAGE: Final[dict[str, Schema]] = {"query": TEXT, "start": START, "limit": LIMIT}
_RUN: Final[dict[str, Schema]] = {
    "values": VALUES,
    "count": {"type": "integer", "minimum": 1, "maximum": MAX_COUNT, "default": 1},
    "title": {"type": "string", "maxLength": 200},
    "idempotency_key": {
        "type": "string",
        "minLength": 1,
        "maxLength": 255,
        "description": "The same key a second time runs nothing.",
    },
    # No secret: what agents say is kept by models. The user's own signs what is sent.
    "webhook_url": JOB_FIELDS["webhook_url"],
    "webhook_events": JOB_FIELDS["webhook_events"],
}


@dataclass(frozen=True, slots=True, kw_only=True)
class RunTools:
    """Tools over the services that run things."""

    presets: PresetService
    library: WorkflowLibrary
    batches: BatchService
    jobs: JobService
    waits: JobWaits
    links: Links
    is_live: Callable[[Identity], bool]

    def tools(self) -> list[Tool]:
        """All of them."""
        jobs, graphs = Scope.JOBS, Scope.GRAPHS_RUN
        job = {"job_id": ID}
        return [
            Tool(
                "list_presets",
                "Presets that can be run: workflows with saved values, yours and shared ones.",
                (jobs,),
                _PAGE,
                self._list_presets,
            ),
            Tool(
                "list_workflows",
                "Workflows that can be run, with whether their models are installed.",
                (jobs,),
                {**_PAGE, "category": TEXT},
                self._list_workflows,
            ),
            Tool(
                "describe",
                "What a preset or a workflow does and takes: its parameters as a JSON schema, and "
                "a preset's saved values and questions. Say one of preset_id and workflow_id.",
                (jobs,),
                {"preset_id": ID, "workflow_id": ID},
                self._describe,
            ),
            Tool(
                "run_preset",
                "Run a preset. Returns at once with the jobs; then use wait_job and fetch_result.",
                (jobs,),
                {
                    "preset_id": ID,
                    **_RUN,
                    "answers": {"type": "object", "description": "By the name of a question."},
                },
                self._run_preset,
                ("preset_id",),
                reads=False,
            ),
            Tool(
                "run_workflow",
                "Run a workflow. Returns at once with the jobs; then use wait_job and "
                "fetch_result.",
                (jobs,),
                {"workflow_id": ID, **_RUN},
                self._run_workflow,
                ("workflow_id", "values"),
                reads=False,
            ),
            Tool(
                "run_graph",
                "Run a ComfyUI graph in API format: {node id: {class_type, inputs}}.",
                (jobs, graphs),
                {
                    "graph": {"type": "object"},
                    **{
                        name: each for name, each in _RUN.items() if name not in ("values", "count")
                    },
                },
                self._run_graph,
                ("graph",),
                reads=False,
            ),
            Tool(
                "wait_job",
                "Wait until a job has ended, but at most timeout_s seconds; tells its progress "
                "meanwhile. Call it again while the status is queued or running.",
                (jobs,),
                {
                    **job,
                    "timeout_s": {
                        "type": "integer",
                        "minimum": 1,
                        "maximum": MAX_WAIT_S,
                        "default": _WAIT_S,
                    },
                },
                self._wait_job,
                ("job_id",),
            ),
            Tool("job_status", "How a job stands.", (jobs,), job, self._job_status, ("job_id",)),
            Tool(
                "cancel_job",
                "Cancel a job that has not ended.",
                (jobs,),
                job,
                self._cancel_job,
                ("job_id",),
                reads=False,
            ),
        ]

    async def _list_presets(self, call: Call, given: Mapping[str, Any]) -> Answer:
        found, total = await self.presets.page(
            call.identity,
            PresetFilter(
                query=given.get("query", ""),
                start=given.get("start", 0),
                limit=given.get("limit", 20),
            ),
        )
        items = [
            {
                "id": view.preset.id,
                "name": view.preset.name,
                "description": view.preset.description,
                "workflow_id": view.preset.workflow_id,
                "tags": list(view.preset.tags),
                "questions": len(view.questions),
                "shared": view.preset.shared,
            }
            for view in found
        ]
        return Answer({"items": items, "total": total})

    async def _list_workflows(self, call: Call, given: Mapping[str, Any]) -> Answer:
        start, limit = given.get("start", 0), given.get("limit", 20)
        page = await self.library.page(
            call.identity,
            text=given.get("query", ""),
            category=given.get("category", ""),
            limit=start + limit,
        )
        items = []
        for workflow, readiness in page.items[start:]:
            manifest = workflow.version.manifest
            items.append(
                {
                    "id": workflow.id,
                    "name": manifest["name"],
                    "description": manifest.get("description", ""),
                    "category": manifest.get("category", ""),
                    "base_model": manifest.get("base_model", ""),
                    "ready": readiness.state,
                }
            )
        return Answer({"items": items, "total": page.total})

    async def _describe(self, call: Call, given: Mapping[str, Any]) -> Answer:
        preset_id, workflow_id = given.get("preset_id"), given.get("workflow_id")
        if (preset_id is None) == (workflow_id is None):
            raise InvalidRequest("Say one of preset_id and workflow_id.")
        more: dict[str, Any] = {}
        version = None
        if preset_id is not None:
            view = await self.presets.get(call.identity, preset_id)
            workflow_id, version = view.preset.workflow_id, view.preset.workflow_version
            more = {
                "preset": {
                    "id": view.preset.id,
                    "name": view.preset.name,
                    "description": view.preset.description,
                    "values": dict(view.preset.values),
                    "questions": [asdict(question) for question in view.questions],
                }
            }
        workflow = await self.library.get(call.identity, workflow_id or "", version)
        manifest = workflow.version.manifest
        schema = parameters(self.library.form(workflow))
        if preset_id is not None:
            # What the preset says need not be said again.
            saved = more["preset"]["values"]
            schema["required"] = [name for name in schema["required"] if name not in saved]
        readiness = self.library.readiness(workflow)
        facts = {
            "workflow": {
                "id": workflow.id,
                "name": manifest["name"],
                "description": manifest.get("description", ""),
                "ready": readiness.state,
                "missing_models": readiness.missing_models,
            },
            "parameters": schema,
            **more,
        }
        return Answer(facts)

    async def _run_preset(self, call: Call, given: Mapping[str, Any]) -> Answer:
        return await self._run(
            call,
            given,
            partial(Order, preset_id=given["preset_id"], answers=given.get("answers", {})),
        )

    async def _run_workflow(self, call: Call, given: Mapping[str, Any]) -> Answer:
        return await self._run(call, given, partial(Order, workflow_id=given["workflow_id"]))

    async def _run(
        self, call: Call, given: Mapping[str, Any], order: Callable[..., Order]
    ) -> Answer:
        accepted: Accepted = await self.batches.run(
            call.identity,
            order(
                values=given.get("values", {}),
                axes=read_axes(None, None, given.get("count")),
                title=given.get("title", ""),
                idempotency_key=given.get("idempotency_key"),
                webhook=job_webhook(given),
            ),
        )
        return Answer({"jobs": [self._body(call, view) for view in accepted.jobs]})

    async def _run_graph(self, call: Call, given: Mapping[str, Any]) -> Answer:
        view = await self.jobs.submit(
            call.identity,
            Submission(
                workflow=given["graph"],
                title=given.get("title", ""),
                idempotency_key=given.get("idempotency_key"),
                webhook=job_webhook(given),
            ),
        )
        return Answer({"jobs": [self._body(call, view)]})

    async def _wait_job(self, call: Call, given: Mapping[str, Any]) -> Answer:
        view = await self.jobs.get(call.identity, given["job_id"])
        told = -1.0
        try:
            async with asyncio.timeout(given.get("timeout_s", _WAIT_S)):
                async for sign in self.waits.follow(call.identity, given["job_id"]):
                    view = sign.view
                    value = 0.0 if sign.progress is None else sign.progress.value
                    if value > told:
                        told = value
                        await call.progress(value, 1.0, view.job.status.value)
                    if not self.is_live(call.identity):
                        break
        except TimeoutError:
            view = await self.jobs.get(call.identity, given["job_id"])
        return Answer({"job": self._body(call, view), "ended": view.job.status.is_terminal})

    async def _job_status(self, call: Call, given: Mapping[str, Any]) -> Answer:
        view = await self.jobs.get(call.identity, given["job_id"])
        return Answer({"job": self._body(call, view), "ended": view.job.status.is_terminal})

    async def _cancel_job(self, call: Call, given: Mapping[str, Any]) -> Answer:
        view = await self.jobs.cancel(call.identity, given["job_id"])
        return Answer({"job": self._body(call, view), "ended": view.job.status.is_terminal})

    def _body(self, call: Call, view: JobView) -> dict[str, Any]:
        body = studio_body(view, call.request, self.links)
        kept = ("id", "status", "title", "queue_position", "progress", "error", "outputs")
        return {name: body[name] for name in kept}
