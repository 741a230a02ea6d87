"""Graphs that the editor is opened with: for those inside alone, in its page alone."""

from __future__ import annotations

import httpx

from tests.fakes.echo_engine import PAGE, EchoEngine
from tests.security.editor_port import SAME_ORIGIN, EditorPort

WORKFLOW = "text-to-image"
SCRIPT = '<script src="/_studio/open.js"></script>'


async def link_to(port: EditorPort, **named: str) -> str:
    answer = await port.api.post("/api/editor/open", json=named)
    assert answer.status_code == 200, answer.text
    link: str = answer.json()["url"]
    return link.replace("127.0.0.1:1/", f"127.0.0.1:{port.port}/")


async def test_a_link_to_a_workflow_leads_to_the_editors_page_with_its_id(port: EditorPort) -> None:
    link = await link_to(port, workflow=WORKFLOW)
    async with httpx.AsyncClient() as client:
        entered = await client.get(link)
    assert entered.status_code == 303
    assert entered.headers["location"] == f"/?studio_workflow={WORKFLOW}"


async def test_the_page_that_opens_a_graph_has_the_script_and_no_other_answer_has(
    port: EditorPort, engine: EchoEngine
) -> None:
    async with await port.browser() as browser:
        asked = {"if-none-match": '"page"', "range": "bytes=0-9", "accept-encoding": "gzip"}
        page = await browser.get(f"/?studio_workflow={WORKFLOW}", headers=asked)
        assert page.text == PAGE.replace('<head lang="en">', f'<head lang="en">{SCRIPT}')
        assert page.headers["content-length"] == str(len(page.content))
        assert page.headers["cache-control"] == "no-store" and "etag" not in page.headers
        assert page.headers["content-security-policy"] == "frame-ancestors 'none'"
        assert page.headers["x-content-type-options"] == "nosniff"
        assert not engine.seen[-1].names & asked.keys()
        usual = await browser.get("/?theme=dark")
        assert usual.text == PAGE and usual.headers["etag"] == '"page"'
        for path in ("/view", "/index.html"):
            other = await browser.get(f"{path}?studio_workflow={WORKFLOW}")
            assert "_studio/open.js" not in other.text


async def test_the_graph_is_for_whoever_is_inside_and_for_pages_of_the_editors_own(
    port: EditorPort, engine: EchoEngine
) -> None:
    path = f"/_studio/graph?workflow={WORKFLOW}"
    async with httpx.AsyncClient(base_url=port.url, headers=SAME_ORIGIN) as stranger:
        for each in (path, "/_studio/open.js"):
            assert (await stranger.get(each)).status_code == 401
        key = {"authorization": "Bearer canary-editor-key-77c1"}
        assert (await stranger.get(path, headers=key)).status_code == 401
    async with await port.browser() as browser:
        elsewhere = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "cors"}
        assert (await browser.get(path, headers=elsewhere)).status_code == 403
        assert (await browser.post(path)).status_code == 405
        assert (await browser.get("/_studio/else")).status_code == 404
        answer = await browser.get(path)
        assert answer.status_code == 200 and answer.headers["cache-control"] == "no-store"
        stored = (await port.api.get(f"/api/workflows/{WORKFLOW}")).json()
        assert answer.json() == {"name": stored["name"], "format": "api", "graph": stored["graph"]}
        script = await browser.get("/_studio/open.js")
        assert script.headers["content-type"] == "text/javascript; charset=utf-8"
        assert "loadApiJson" in script.text
    assert engine.seen == []


async def test_what_is_not_there_is_refused_before_anybody_gets_a_link(port: EditorPort) -> None:
    cases: list[tuple[dict[str, object], int, str]] = [
        ({"job": "0f8fad5b-d9cb-469f-a165-70867728950e"}, 404, "not_found"),
        ({"workflow": "nowhere"}, 404, "not_found"),
        ({"workflow": "batch-resize"}, 422, "invalid_value"),
        ({"job": "a", "workflow": WORKFLOW}, 400, "invalid_request"),
        ({"workflow": "../../etc\r\nSet-Cookie: a=b"}, 400, "invalid_request"),
        ({"workflow": 7}, 422, "invalid_request"),
        ({"graph": {}}, 422, "invalid_request"),
    ]
    for body, status, code in cases:
        answer = await port.api.post("/api/editor/open", json=body)
        assert (answer.status_code, answer.json()["error"]["code"]) == (status, code), body
    async with await port.browser() as browser:
        for query, status in (("", 404), ("?job=..%2f", 403), ("?job=a&workflow=b", 400)):
            assert (await browser.get(f"/_studio/graph{query}")).status_code == status, query
        forged = "/_studio/enter?code=x&workflow=a%0d%0aSet-Cookie:%20a=b"
        assert (await browser.get(forged)).status_code == 400
