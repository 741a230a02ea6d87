"""How a graph of Studio's gets into the editor: a script in its page, and the graph for it.

Who asks for the editor's page with a job or workflow in the address gets it with one small script
of Studio's. That waits until the editor is ready, and asks for the graph here, inside the visit:
an address that somebody else opens, or that stays in a history, leads to nothing.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final
from urllib.parse import parse_qs, urlencode

import orjson

from studio.errors import InvalidRequest, MethodNotAllowed, NotFound
from studio.models import Identity
from studio.services.editor_graphs import EditorGraphs, GraphSource
from studio.web.pages import FRONTEND

PREFIX: Final = "/_studio/"
_GRAPH_PATH: Final = "/_studio/graph"
_SCRIPT_PATH: Final = "/_studio/open.js"
_PAGE_PARAMETER: Final = "studio_{}"
"""In the editor's own address, where other names may mean something to the editor."""
_SCRIPT_TAG: Final = b'<script src="/_studio/open.js"></script>'
_HEAD: Final = re.compile(rb"<head(?:\s[^>]*)?>", re.IGNORECASE)
_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,127}")

Content = tuple[bytes, bytes]
"""A content type, and the bytes."""


class Handover:
    """What the editor's port serves of Studio's own to those inside."""

    def __init__(self, graphs: EditorGraphs) -> None:
        self._graphs = graphs
        self._script = (FRONTEND / "editor/open.js").read_bytes()

    async def answer(self, identity: Identity, method: str, path: str, query: str) -> Content:
        """One of Studio's own paths.

        Raises:
            MethodNotAllowed, NotFound, InvalidRequest.
            What ``EditorGraphs.read`` raises.
        """
        if method != "GET":
            raise MethodNotAllowed("This address is only read.")
        if path == _SCRIPT_PATH:
            return b"text/javascript; charset=utf-8", self._script
        if path == _GRAPH_PATH:
            found = await self._graphs.read(identity, read_source(query))
            format_ = "ui" if found.is_ui else "api"
            body = {"name": found.name, "format": format_, "graph": found.graph}
            return b"application/json", orjson.dumps(body)
        raise NotFound("There is nothing at this address.")


def read_source(query: str) -> GraphSource:
    """The job or the workflow that a query names; neither is an empty source.

    Raises:
        InvalidRequest: it names several, or one by what is no id.
    """
    fields = parse_qs(query, keep_blank_values=True)
    jobs, workflows = fields.get("job", []), fields.get("workflow", [])
    check_ids([*jobs, *workflows])
    return GraphSource(*(found[0] if found else None for found in (jobs, workflows)))


def check_ids(named: Sequence[str]) -> None:
    """At most one id, of a form that an address can hold.

    Raises:
        InvalidRequest.
    """
    if len(named) > 1:
        raise InvalidRequest("Name one job, or one workflow.")
    if named and _ID.fullmatch(named[0]) is None:
        raise InvalidRequest("That is not the id of a job or a workflow.")


def parameters(source: GraphSource) -> dict[str, str]:
    """A source as parameters of an address; none for an empty one."""
    found = {"job": source.job, "workflow": source.workflow}
    return {name: value for name, value in found.items() if value is not None}


def page_address(source: GraphSource) -> str:
    """Where the editor's page is, with what it is to open."""
    named = {_PAGE_PARAMETER.format(name): value for name, value in parameters(source).items()}
    return f"/?{urlencode(named)}" if named else "/"


def opens_graph(path: str, query: str) -> bool:
    """Whether an address is that of the editor's page, with something to open."""
    wanted = {_PAGE_PARAMETER.format(name) for name in ("job", "workflow")}
    return path == "/" and not wanted.isdisjoint(parse_qs(query))


def with_script(page: bytes) -> bytes:
    """The editor's page with Studio's script in it, before the editor's own look at the address."""
    head = _HEAD.search(page)
    at = head.end() if head else 0
    return page[:at] + _SCRIPT_TAG + page[at:]
