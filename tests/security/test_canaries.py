"""Secrets that were put in wherever one can be: nothing shows them but what has to, once."""

from __future__ import annotations

import contextlib
import io
import os
import re
import shutil
import socket
import sqlite3
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import httpx
import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from tests.api.graphs import solid, submit, upload, wait_ended
from tests.api.people import OWN_PAGE
from tests.api.studio_process import OWNER_KEY, RunningStudio, run_studio

PASSWORD: Final = "canary-password-c4a1"
STORED: Final = "canary-stored-secret-90be"
GIVEN: Final = "canary-given-credential-1f7d"
GUESTS_PASSWORD: Final = "canary-guests-password-77b0"
HUB_TOKEN: Final = "canary-hub-token-6e2c"
SECOND_HUB_TOKEN: Final = "canary-second-hub-token-b3d9"
WEBHOOK: Final = "canary-webhook-secret-2c58"
STORED_TOKEN: Final = "canary-stored-token-d08b"
TO_EDITOR: Final = "canary-for-the-editor-port-5a03"
Sightings = set[tuple[str, str]]


class Witness:
    """Keeps every answer that its clients get, and knows every canary by name."""

    def __init__(self, studio: RunningStudio) -> None:
        self.studio = studio
        self.guest_id = ""
        self.texts: list[tuple[str, bytes]] = []
        self.canaries = {
            "API_KEY": OWNER_KEY,
            "password": PASSWORD,
            "stored secret": STORED,
            "guest's password": GUESTS_PASSWORD,
            "hub token": HUB_TOKEN,
            "second hub token": SECOND_HUB_TOKEN,
            "webhook's secret": WEBHOOK,
            "stored token": STORED_TOKEN,
            "given credential": GIVEN,
            "editor's Authorization": TO_EDITOR,
        }

    @contextlib.contextmanager
    def client(self, **headers: str) -> Iterator[httpx.Client]:
        hooks = {"response": [self._keep]}
        with self.studio.client(None, event_hooks=hooks) as client:
            client.headers.update(headers)
            yield client

    def _keep(self, answer: httpx.Response) -> None:
        content = answer.read()
        if content.startswith(b"PK"):
            with zipfile.ZipFile(io.BytesIO(content)) as package:
                content = b"".join(map(package.read, package.namelist()))
        head = b"".join(name + b": " + value + b"\n" for name, value in answer.headers.raw)
        asked = answer.request
        self.texts.append((f"{asked.method} {asked.url.path}", head + content))

    def sightings(self) -> Sightings:
        """Which canary is to be seen where."""
        return {
            (name, where)
            for where, text in self.texts
            for name, canary in self.canaries.items()
            if canary.encode() in text
        }


@pytest.fixture
def witness(tmp_path: Path) -> Iterator[Witness]:
    nobody = "http://127.0.0.1:9"
    variables = {"MAX_BODY_MB": "1", "HF_TOKEN": HUB_TOKEN, "CIVITAI_API_KEY": SECOND_HUB_TOKEN}
    variables |= dict.fromkeys(("HF_ENDPOINT", "CIVITAI_URL", "TELEGRAM_API_URL"), nobody)
    with run_studio(tmp_path, variables) as studio:
        yield Witness(studio)


def test_secrets_are_seen_where_they_are_made_and_nowhere_else(witness: Witness) -> None:
    with witness.client(**OWN_PAGE) as browser, witness.client() as program:
        program.headers["Authorization"] = f"Bearer {OWNER_KEY}"
        seed(witness, browser, program)
        join(witness, program)
        ask_everything(witness, browser)
        ask_everything(witness, program)
        fail_to_come_in(witness)
        run_jobs(program)
        visit_editor(witness, browser)
        listen(witness, browser)
        break_requests(witness)
        ask_everything(witness, program)
    look_at_processes(witness)
    read_keys(witness)
    look_at_files(witness)
    assert witness.sightings() == {
        # Bootstrap's warden is a fork of it; the engine is neither's.
        ("API_KEY", "environ of warden"),
        ("API_KEY", "environ of studio"),
        ("stored secret", "database"),
        ("stored token", "database"),
        ("hub token", "environ of warden"),
        ("hub token", "environ of studio"),
        ("second hub token", "environ of warden"),
        ("second hub token", "environ of studio"),
        ("signing key", "database"),
        ("password's hash", "database"),
        # Whoever moves to another box keeps the password; only its hash is there to be taken along.
        ("password's hash", "GET /api/system/export"),
        ("made key", "POST /api/keys"),
        ("session", "POST /api/setup"),
        ("remembered device", "POST /api/setup"),
        ("invitation", "POST /api/invitations"),
        ("used invitation", "POST /api/invitations"),
        ("guest's session", "POST /api/join"),
        ("guest's device", "POST /api/join"),
        ("guest's reset link", "POST /api/users/" + witness.guest_id + "/reset"),
        ("set-up link", "POST /api/users/owner/reset"),
        ("editor's code", "POST /api/editor/open"),
        ("editor's session", "GET /_studio/enter"),
    }


def seed(witness: Witness, browser: httpx.Client, program: httpx.Client) -> None:
    """Make one of every secret."""
    answer = browser.post("/api/setup", json={"api_key": OWNER_KEY, "password": PASSWORD})
    assert answer.status_code == 200, answer.text
    made = program.post("/api/keys", json={"name": "made by a test"}).json()
    invitation = browser.post("/api/invitations", json={"role": "member"}).json()
    reset = program.post("/api/users/owner/reset").json()
    assert program.put("/api/secrets/comfy_org", json={"value": STORED}).status_code == 204
    token = {"value": STORED_TOKEN}
    assert program.put("/api/settings/TELEGRAM_BOT_TOKEN", json=token).status_code == 200
    for key in ("TELEGRAM_BOT_TOKEN", "HF_TOKEN", "CIVITAI_API_KEY"):
        assert program.post(f"/api/settings/{key}/test").json()["reason"] == "unreachable"
    witness.canaries |= {
        "session": browser.cookies["studio"],
        "remembered device": browser.cookies["studio-device"],
        "made key": made["key"],
        "invitation": invitation["url"].rpartition("/")[2],
        "set-up link": reset["url"].rpartition("/")[2],
    }


def join(witness: Witness, program: httpx.Client) -> None:
    """Come in as a guest, and look around; the owner then makes a link for a new password."""
    link = program.post("/api/invitations", json={"role": "guest"}).json()["url"]
    token = witness.canaries["used invitation"] = link.rpartition("/")[2]
    with witness.client(**OWN_PAGE) as guest:
        body = {"token": token, "name": "Mia", "password": GUESTS_PASSWORD}
        joined = guest.post("/api/join", json=body)
        assert joined.status_code == 200, joined.text
        witness.canaries["guest's session"] = guest.cookies["studio"]
        witness.canaries["guest's device"] = guest.cookies["studio-device"]
        witness.guest_id = joined.json()["user"]["id"]
        ask_everything(witness, guest)
    reset = program.post(f"/api/users/{witness.guest_id}/reset").json()
    witness.canaries["guest's reset link"] = reset["url"].rpartition("/")[2]


def ask_everything(witness: Witness, client: httpx.Client) -> None:
    """Read every page there is, and ask for things that are not, by a secret's name too."""
    page = client.get("/api/openapi.json").json()
    jobs = client.get("/api/jobs").json()["jobs"]
    parts = {"job_id": jobs[0]["id"] if jobs else "none"}
    for path, methods in page["paths"].items():
        names = re.findall(r"\{(\w+)\}", path)
        for method in methods.keys() & {"get", "head"}:
            addresses = [path.format_map({name: parts.get(name, "none") for name in names})]
            if names:
                addresses += [
                    path.format_map(dict.fromkeys(names, canary))
                    for canary in witness.canaries.values()
                ]
            for address in addresses:
                client.request(method, address)
    for canary in witness.canaries.values():
        for path in ("/api/jobs", "/api/nothing", "/"):
            client.get(path, params={"api_key": canary, "token": canary, "limit": canary})
        for path in ("keys", "secrets", "sessions", "users", "invitations", "uploads"):
            assert client.delete(f"/api/{path}/{canary}").status_code in (403, 404, 405)


def fail_to_come_in(witness: Witness) -> None:
    """Knock with every secret in every wrong place."""
    with witness.client(**OWN_PAGE) as stranger:
        for canary in witness.canaries.values():
            for headers in (
                {"Authorization": f"Bearer {canary}x"},
                {"Authorization": f"Basic {canary}"},
                {"X-API-Key": f"x{canary}"},
                {"Cookie": f"studio={canary}x; studio-editor={canary}"},
                {"Sec-Fetch-Site": "cross-site", "Cookie": f"studio={canary}"},
            ):
                stranger.get("/api/queue", headers=headers)
                stranger.post("/api/session", json={"password": canary}, headers=headers)
            for path in ("/api/session", "/api/setup", "/api/join"):
                for value in (f"{canary}x", [canary], {canary: canary}, 300 * canary):
                    fields = ("name", "password", "token", "api_key")
                    answer = stranger.post(path, json=dict.fromkeys(fields, value))
                    assert answer.status_code >= 400, answer.text
                stranger.post(path, content=f'{{"password": "{canary}'.encode())
                stranger.post(path, content=canary.encode() + b" " * 20_000)


def run_jobs(program: httpx.Client) -> None:
    """Send jobs with credentials: good ones, refused ones, and one that fails in the engine."""
    picture = upload(program, b"no picture at all", "broken.png")["file_path"]
    broken = {
        **solid(),
        "1": {"class_type": "LoadImage", "inputs": {"image": picture}},
    }
    ends = {
        wait_ended(program, submit(program, graph, **credentials)["id"])["status"]
        for graph in (solid(), broken)
        for credentials in (
            {"extra_data": {"api_key_comfy_org": GIVEN}},
            {"secrets": {"api_key_comfy_org": "comfy_org"}},
        )
    }
    assert ends == {"succeeded", "failed"}
    unknown = {"1": {"class_type": "NoSuchNode", "inputs": {}}}
    for path in ("/api/v2/jobs", "/api/jobs"):
        for wrong in (
            {"workflow": unknown, "extra_data": {"api_key_comfy_org": GIVEN}},
            {"workflow": unknown, "secrets": {"api_key_comfy_org": "comfy_org"}},
            {"workflow": solid(), "extra_data": {"api_key_comfy_org": [GIVEN]}},
            {"workflow": solid(), "extra_data": GIVEN},
            {"workflow": solid(), "extra_data": {GIVEN: 1}},
            {"workflow": solid(), "secrets": {"api_key_comfy_org": STORED}},
            {"workflow": solid(), "secrets": {"api_key_comfy_org": [STORED]}},
            {"workflow": 5, "extra_data": {"api_key_comfy_org": GIVEN}},
            {"workflow": solid(), "webhook_url": f"ftp://x/?{WEBHOOK}"},
            {"workflow": solid(), "webhook_url": "https://x/", "webhook_secret": WEBHOOK},
            {"workflow": solid(), "webhook_secret": WEBHOOK},
        ):
            assert program.post(path, json=wrong).status_code >= 400
        large = {"workflow": solid(), "extra_data": {"api_key_comfy_org": GIVEN * 40_000}}
        assert program.post(path, json=large).status_code == 413
    for value in (STORED * 400, [STORED], {STORED: 1}):
        assert program.put("/api/secrets/other", json={"value": value}).status_code == 422
    for job in program.get("/api/jobs").json()["jobs"]:
        for path in ("v2/jobs/{}", "v2/jobs/{}/workflow", "v2/jobs/{}/events", "jobs/{}/package"):
            assert program.get(f"/api/{path.format(job['id'])}").status_code == 200


def visit_editor(witness: Witness, browser: httpx.Client) -> None:
    """Go through the editor's port with a key that is none of the engine's business."""
    link = httpx.URL(browser.post("/api/editor/open").json()["url"])
    witness.canaries["editor's code"] = link.params["code"]
    with witness.client(**OWN_PAGE) as editor:
        editor.base_url = link.copy_with(path="/", query=None)
        assert editor.get(link).status_code == 303
        witness.canaries["editor's session"] = editor.cookies["studio-editor"]
        editor.headers["Authorization"] = f"Bearer {TO_EDITOR}"
        credentials = {"api_key_comfy_org": GIVEN}
        for graph in (solid(), {"1": {"class_type": "NoSuchNode", "inputs": {}}}):
            editor.post("/api/prompt", json={"prompt": graph, "extra_data": credentials})
        for path in ("/system_stats", "/queue", "/history", "/nothing", "/manager/reboot", "/"):
            editor.get(path)
        editor.cookies.clear()
        for path in ("/queue", "/_studio/enter"):
            assert editor.get(path, params={"code": TO_EDITOR}).status_code == 401


def listen(witness: Witness, browser: httpx.Client) -> None:
    """Hear what the live WebSocket tells, and be refused by it."""
    url = witness.studio.url.replace("http", "ws") + "/api/ws"
    cookie = {"Cookie": f"studio={browser.cookies['studio']}"}
    with connect(url, additional_headers={**cookie, **OWN_PAGE}) as live:
        live.send('{"type":"subscribe","topics":["jobs","queue","system","engines"]}')
        live.send(f'{{"type":"{GIVEN}","topics":["{STORED}"]}}')
        with contextlib.suppress(TimeoutError):
            while frame := live.recv(timeout=1, decode=False):
                witness.texts.append(("live", frame))
    assert any(where == "live" for where, _ in witness.texts)
    with pytest.raises(InvalidStatus) as refused:
        connect(url, additional_headers={**cookie, "Sec-Fetch-Site": "cross-site"})
    witness.texts.append(("refused socket", bytes(refused.value.response.body or b"")))


def break_requests(witness: Witness) -> None:
    """Send what is no request, with the key in it."""
    port = int(witness.studio.url.rpartition(":")[2])
    for broken in (
        f"GET /{OWNER_KEY} HTTP/9.9\r\nX-API-Key: {OWNER_KEY}\r\n\r\n",
        f"POST /api/jobs HTTP/1.1\r\nX-API-Key: {OWNER_KEY}\r\nContent-Length: x\r\n\r\n",
        f"GET /api/jobs HTTP/1.1\r\nAuthorization Bearer {OWNER_KEY}\r\n\r\n",
        f"{OWNER_KEY}\r\n\r\n",
    ):
        with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
            connection.sendall(broken.encode())
            witness.texts.append(("broken request", connection.recv(65536)))


def look_at_processes(witness: Witness) -> None:
    """Command lines and environments of everything below bootstrap."""
    kinds = {b"studio\0serve": "studio", b"studio.embedded": "engine"}
    seen = set()
    for pid in descendants(witness.studio.process.pid):
        command = Path(f"/proc/{pid}/cmdline").read_bytes()
        kind = next((name for words, name in kinds.items() if words in command), "warden")
        environ = Path(f"/proc/{pid}/environ").read_bytes()
        assert environ
        witness.texts += [(f"argv of {kind}", command), (f"environ of {kind}", environ)]
        seen.add(kind)
    assert {"studio", "engine"} <= seen


def descendants(pid: int) -> list[int]:
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [found for child in map(int, children) for found in (child, *descendants(child))]


def read_keys(witness: Witness) -> None:
    """What Studio made for itself and keeps: the key of its links, and what it has of passwords."""
    copy = witness.studio.folder.parent / "copy"
    shutil.copytree(witness.studio.folder / "db", copy)
    with contextlib.closing(sqlite3.connect(copy / "studio.db")) as connection:
        [key] = connection.execute("SELECT value FROM meta WHERE key = 'signing_key'").fetchone()
        [record] = connection.execute("SELECT password FROM users WHERE id = 'owner'").fetchone()
    witness.canaries |= {"signing key": key, "password's hash": record}


def look_at_files(witness: Witness) -> None:
    """Everything that Studio, the engine and bootstrap wrote, the logs above all."""
    folder = witness.studio.folder
    assert b"Studio listens" in b"".join(path.read_bytes() for path in (folder / "logs").iterdir())
    witness.texts.append(("output", witness.studio.log.read_bytes()))
    for top in (folder, witness.studio.run_dir):
        for where, _, names in os.walk(top):
            for name in names:
                path = Path(where, name)
                if path.is_file():
                    inside = path.relative_to(top).parts[0]
                    kind = "database" if inside == "db" else str(path.relative_to(top))
                    witness.texts.append((kind, path.read_bytes()))
