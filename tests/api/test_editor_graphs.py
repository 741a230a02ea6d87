"""The editor opens with the graph of a job: as it was submitted, or as the editor drew it."""

from __future__ import annotations

from typing import Any

import httpx

from tests.api.editor import SAME_ORIGIN, open_editor, queue_prompt
from tests.api.graphs import solid, submit, wait_ended
from tests.api.studio_process import RunningStudio

DRAWN = {
    "nodes": [{"id": 1, "type": "EmptyImage", "pos": [7, 7]}, {"id": 2, "type": "SaveImage"}],
    "links": [[1, 1, 0, 2, 0, "IMAGE"]],
    "version": 0.4,
}


def opened(studio: RunningStudio, **named: str) -> dict[str, Any]:
    """What the editor is given after following a link: the page's script asks for the same."""
    with studio.client() as owner:
        answer = owner.post("/api/editor/open", json=named)
        assert answer.status_code == 200, answer.text
    link = httpx.URL(answer.json()["url"])
    with httpx.Client(base_url=link.copy_with(path="/", query=None), headers=SAME_ORIGIN) as editor:
        page = editor.get(link).headers["location"]
        query = page.removeprefix("/?").replace("studio_", "")
        graph = editor.get(f"/_studio/graph?{query}")
        assert graph.status_code == 200, graph.text
        found: dict[str, Any] = graph.json()
        return found


def test_the_graph_of_a_job_is_the_one_that_was_submitted(studio: RunningStudio) -> None:
    graph = solid("opened/in the editor", size=24)
    with studio.client() as owner:
        job_id = submit(owner, graph)["id"]
        wait_ended(owner, job_id)
    found = opened(studio, job=job_id)
    assert (found["format"], found["graph"]) == ("api", graph)


def test_a_run_of_the_editors_opens_as_it_was_drawn_there(studio: RunningStudio) -> None:
    graph = solid("drawn", size=24)
    with studio.client() as owner, open_editor(studio) as editor:
        before = {job["id"] for job in owner.get("/api/jobs").json()["jobs"]}
        queue_prompt(editor, graph, extra_data={"extra_pnginfo": {"workflow": DRAWN}})
        after = {job["id"] for job in owner.get("/api/jobs").json()["jobs"]}
        (job_id,) = after - before
        wait_ended(owner, job_id)
    found = opened(studio, job=job_id)
    assert (found["format"], found["graph"]) == ("ui", DRAWN)


def test_a_run_of_the_editors_that_says_nothing_of_its_drawing_opens_as_it_ran(
    studio: RunningStudio,
) -> None:
    graph = solid("undrawn", size=24)
    with studio.client() as owner, open_editor(studio) as editor:
        before = {job["id"] for job in owner.get("/api/jobs").json()["jobs"]}
        queue_prompt(editor, graph)
        (job_id,) = {job["id"] for job in owner.get("/api/jobs").json()["jobs"]} - before
        wait_ended(owner, job_id)
    found = opened(studio, job=job_id)
    assert (found["format"], found["graph"]) == ("api", graph)
