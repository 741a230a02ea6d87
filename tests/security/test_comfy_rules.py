"""What passes the editor's port, as tables."""

from __future__ import annotations

import pytest

from studio.errors import Forbidden, StudioError
from studio.web.comfy_rules import (
    check_origin,
    check_target,
    cookies_of,
    downstream_headers,
    origin_of,
    route_of,
    upstream_headers,
)

CODE_ROUTES = [
    "/customnode/install",
    "/customnode/install/git_url",
    "/customnode/install/pip",
    "/customnode/getlist",
    "/manager/reboot",
    "/manager/queue/install",
    "/externalmodel/getlist",
    "/snapshot/restore",
    "/comfyui_manager/update_all",
    "/pip/install",
    "/git/pull",
]
DISGUISES = [
    "{}",
    "/api{}",
    "/v2{}",
    "/api/v2{}",
    "/v2/api{}",
    "/api/{}",
    "{}/",
    "{}?x=1",
]


@pytest.mark.parametrize("disguise", DISGUISES)
@pytest.mark.parametrize("route", CODE_ROUTES)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_routes_that_change_code_are_closed(method: str, route: str, disguise: str) -> None:
    for shown in (route, route.upper(), route.replace("n", "%6e"), route.replace("n", "%256e")):
        path, _, query = disguise.format(shown).partition("?")
        with pytest.raises(Forbidden):
            check_target(method, path.encode(), query.encode())


PASSING = [
    ("/", ""),
    ("/api/userdata/workflows%2Fmy%20graph.json", "overwrite=true&full_info=true"),
    ("/api/userdata/workflows%2Fmanager.json", ""),
    ("/userdata/a..b.json", ""),
    ("/api/userdata/workflows%2Fold.json/move/workflows%2Fnew.json", "overwrite=false"),
    ("/view", "filename=a%20b.png&subfolder=x/y&type=output&rand=0.5"),
    ("/extensions/ComfyUI-Manager/js/manager.js", ""),
    ("/assets/index-D4f.js", ""),
    ("/ws", "clientId=abc"),
    ("/api/jobs", "status=pending,in_progress&limit=200"),
    ("/internal/logs/raw", ""),
]


@pytest.mark.parametrize(("path", "query"), PASSING)
def test_what_the_editor_needs_passes_as_it_is(path: str, query: str) -> None:
    whole = f"{path}?{query}" if query else path
    assert check_target("GET", path.encode(), query.encode()) == whole


BAD_TARGETS = [
    (b"/userdata/..%2f..%2fsecret", b""),
    (b"/userdata/%2e%2e/secret", b""),
    (b"/userdata/%252e%252e%252fsecret", b""),
    (b"/userdata/%25252e%25252e%25252fsecret", b""),
    (b"/userdata/%2525252525252e", b""),
    (b"/userdata/..%5c..%5csecret", b""),
    (b"/userdata/a/../../secret", b""),
    (b"/userdata/./secret", b""),
    (b"/userdata/a%00.json", b""),
    (b"/userdata/a.json/move/..%2Fb.json", b""),
    (b"/extensions/../main.py", b""),
    (b"/view", b"filename=..%2F..%2Fsecret"),
    (b"/view", b"filename=a.png&subfolder=..%5C..%5Csecret"),
    (b"/v2/userdata", b"path=%252e%252e%2Fsecret"),
    (b"/userdata", b"dir=../.."),
    (b"//evil.test/x", b""),
    (b"http://evil.test/x", b""),
    (b"evil.test:443", b""),
    (b"@evil.test/x", b""),
    (b"*", b""),
    (b"", b""),
    (b"/\\evil.test", b""),
    (b"/a b", b""),
    (b"/a\tb", b""),
    (b"/a#b", b""),
    (b"/a", b"b#c"),
    (b"/a", b"b\r\nc"),
    (b"/\xff", b""),
    (b"/a", b"\xff"),
]


@pytest.mark.parametrize(("path", "query"), BAD_TARGETS, ids=repr)
def test_an_address_that_leads_elsewhere_is_refused(path: bytes, query: bytes) -> None:
    with pytest.raises(StudioError) as refused:
        check_target("GET", path, query)
    assert refused.value.status in (400, 403)


@pytest.mark.parametrize("method", ["CONNECT", "TRACE", "PROPFIND", "get", ""])
def test_a_method_of_no_use_to_the_editor_is_refused(method: str) -> None:
    with pytest.raises(StudioError) as refused:
        check_target(method, b"/x", b"")
    assert refused.value.status == 405


@pytest.mark.parametrize(
    ("path", "route"),
    [
        (b"/prompt", "/prompt"),
        (b"/api/prompt", "/prompt"),
        (b"/api//prompt/", "/prompt"),
        (b"/api/%70rompt", "/prompt"),
        (b"/api/jobs/abc/cancel", "/jobs/abc/cancel"),
        (b"/", "/"),
    ],
)
def test_a_route_is_the_same_however_it_is_written(path: bytes, route: str) -> None:
    assert route_of(path) == route


HERE = "https://editor.example.org"
ORIGINS = [
    ({"sec-fetch-site": "same-origin"}, True),
    ({"sec-fetch-site": "same-origin", "origin": "null"}, True),
    ({"origin": HERE}, True),
    ({"origin": "https://EDITOR.example.org:443"}, True),
    ({}, False),
    ({"origin": "null"}, False),
    ({"origin": ""}, False),
    ({"origin": "http://editor.example.org"}, False),
    ({"origin": "https://editor.example.org:8443"}, False),
    ({"origin": "https://editor.example.org.evil.test"}, False),
    ({"origin": "https://evil.test"}, False),
    ({"origin": "https://editor.example.org@evil.test"}, False),
    ({"origin": "https://x@editor.example.org"}, False),
    ({"origin": "https://other.example.org"}, False),
    ({"origin": "file://"}, False),
    ({"origin": "https://editor.example.org:many"}, False),
    ({"origin": HERE, "sec-fetch-site": "same-site"}, False),
    ({"origin": HERE, "sec-fetch-site": "cross-site"}, False),
    ({"origin": HERE, "sec-fetch-site": "none"}, False),
    ({"referer": f"{HERE}/"}, False),
]


@pytest.mark.parametrize(("headers", "passes"), ORIGINS, ids=repr)
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_only_the_editors_own_page_changes_anything(
    method: str, headers: dict[str, str], passes: bool
) -> None:
    raw = [(name.encode(), value.encode()) for name, value in headers.items()]
    if passes:
        check_origin(method, raw, HERE)
    else:
        with pytest.raises(Forbidden):
            check_origin(method, raw, HERE)


@pytest.mark.parametrize(
    ("headers", "passes"),
    [
        ({}, True),
        ({"origin": "https://evil.test"}, True),
        ({"sec-fetch-site": "same-origin", "sec-fetch-mode": "cors"}, True),
        ({"sec-fetch-site": "none", "sec-fetch-mode": "navigate"}, True),
        ({"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"}, True),
        ({"sec-fetch-site": "same-site", "sec-fetch-mode": "navigate"}, True),
        ({"sec-fetch-site": "same-site", "sec-fetch-mode": "no-cors"}, False),
        ({"sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors"}, False),
        ({"sec-fetch-site": "cross-site"}, False),
    ],
    ids=repr,
)
def test_another_sites_page_may_link_here_and_embed_nothing(
    headers: dict[str, str], passes: bool
) -> None:
    raw = [(name.encode(), value.encode()) for name, value in headers.items()]
    for method in ("GET", "HEAD", "OPTIONS"):
        if passes:
            check_origin(method, raw, HERE)
        else:
            with pytest.raises(Forbidden):
                check_origin(method, raw, HERE)


def test_two_origins_are_none() -> None:
    twice = [(b"origin", HERE.encode()), (b"origin", HERE.encode())]
    with pytest.raises(Forbidden):
        check_origin("POST", twice, HERE)


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("http://A.test:80/x", "http://a.test"),
        ("https://a.test:8443", "https://a.test:8443"),
        ("http://[::1]:8001", "http://[::1]:8001"),
        ("ftp://a.test", None),
        ("a.test", None),
        ("http://", None),
        ("http://[::1", None),
    ],
)
def test_an_origin_is_scheme_host_and_port(url: str, origin: str | None) -> None:
    assert origin_of(url) == origin


def test_headers_lose_what_identifies_and_what_connection_names() -> None:
    raw = [
        (b"Cookie", b"a"),
        (b"X-Named", b"b"),
        (b"Connection", b"X-Named , keep-alive"),
        (b"Sec-WebSocket-Key", b"c"),
        (b"Content-Type", b"text/plain"),
    ]
    assert upstream_headers(raw) == [("content-type", "text/plain")]


def test_an_answer_keeps_its_length_unless_it_comes_in_chunks() -> None:
    sized = downstream_headers([("Content-Length", "5"), ("Date", "x")], "http://engine")
    assert (b"content-length", b"5") in sized and b"date" not in dict(sized)
    chunked = [("Content-Length", "5"), ("Transfer-Encoding", "chunked")]
    assert b"content-length" not in dict(downstream_headers(chunked, "http://engine"))


@pytest.mark.parametrize(
    ("content_type", "sandboxed"),
    [
        ("image/svg+xml", True),
        ("IMAGE/SVG+XML; charset=utf-8", True),
        ("text/xml", True),
        ("application/xhtml+xml", True),
        ("text/html", False),
        ("image/png", False),
        ("text/javascript", False),
    ],
)
def test_a_picture_that_could_be_a_script_runs_as_none(content_type: str, sandboxed: bool) -> None:
    told = downstream_headers([("Content-Type", content_type)], "http://engine")
    assert ((b"content-security-policy", b"sandbox") in told) is sandboxed
    assert (b"content-security-policy", b"frame-ancestors 'none'") in told


def test_every_cookie_of_that_name_is_looked_at() -> None:
    raw = [(b"cookie", b"a=1; b=2"), (b"Cookie", b"xa=3;a=4; a")]
    assert cookies_of(raw, "a") == ["1", "4"]
