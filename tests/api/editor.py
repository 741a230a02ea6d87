"""ComfyUI's editor as a browser has it: inside the port, with pages of the editor's own."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from operator import itemgetter
from typing import Any

import httpx

from tests.api.graphs import WAIT_S, Graph
from tests.api.studio_process import RunningStudio

SAME_ORIGIN = {"sec-fetch-site": "same-origin"}


@contextlib.contextmanager
def open_editor(studio: RunningStudio) -> Iterator[httpx.Client]:
    """A client inside the editor of a running Studio."""
    with studio.client() as owner:
        answer = owner.post("/api/editor/open")
        assert answer.status_code == 200, answer.text
    link = httpx.URL(answer.json()["url"])
    base = link.copy_with(path="/", query=None)
    with httpx.Client(base_url=base, headers=SAME_ORIGIN, timeout=30) as editor:
        entered = editor.get(link)
        assert entered.status_code == 303, entered.text
        yield editor


def queue_prompt(editor: httpx.Client, graph: Graph, **fields: Any) -> str:
    """Queue a graph as the editor's page does and return the prompt's id."""
    answer = editor.post("/api/prompt", json={"prompt": graph, "client_id": "a-browser", **fields})
    assert answer.status_code == 200, answer.text
    prompt_id: str = answer.json()["prompt_id"]
    return prompt_id


Inside = tuple[list[str], list[str]]
"""The ids of what runs and what waits in an engine."""


def inside(editor: httpx.Client) -> Inside:
    """What is in the engine, as the editor is told."""
    queue = editor.get("/api/queue").json()
    # What waits comes as the heap that it is in.
    running, pending = queue["queue_running"], sorted(queue["queue_pending"], key=itemgetter(0))
    return [item[1] for item in running], [item[1] for item in pending]


def wait_inside(editor: httpx.Client, is_so: Callable[[Inside], bool]) -> Inside:
    """What is in the engine once ``is_so`` of it."""
    deadline = time.monotonic() + WAIT_S
    while not is_so(found := inside(editor)):
        assert time.monotonic() < deadline, f"still {found}"
        time.sleep(0.02)
    return found
