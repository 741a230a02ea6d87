"""``studio models``: what is there, what is missing, brought, checked and removed."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import difflib
import json
import sys
from collections.abc import AsyncIterator, Iterable
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, urlencode

from studio.cli.client import Client
from studio.cli.console import open_console
from studio.cli.download_following import follow_download, name_of
from studio.cli.environment import load_settings
from studio.cli.failures import EXIT_USAGE, CommandFailed
from studio.cli.graph_file import read_workflow
from studio.cli.model_tables import print_bundles, print_entries, shown_size
from studio.cli.place import open_running, remote_url
from studio.cli.screen import Screen
from studio.cli.table import print_table

_PAGE: Final = 500
_LOOK_EVERY_S: Final = 0.5
_PREFIXES: Final = ("https://", "http://", "hf:", "civitai:")


def execute(options: argparse.Namespace) -> int:
    """List, pull, rm, verify or scan."""
    action = {"list": _list, "pull": _pull, "rm": _rm, "verify": _verify, "scan": _scan}
    return asyncio.run(action[options.action](options))


@contextlib.asynccontextmanager
async def _place(options: argparse.Namespace) -> AsyncIterator[Client]:
    """The Studio of ``--url``, the one that runs here, or its database while none runs."""
    if remote_url(options):
        async with open_running(options) as session:
            yield session.client
        return
    async with open_console(load_settings()) as http:
        yield Client(http)


async def _list(options: argparse.Namespace) -> int:
    async with _place(options) as client:
        if options.folder:
            await _require_folder(client, options.folder)
        if options.bundles:
            return print_bundles(await _bundles(client), as_json=options.json)
        if options.available:
            entries = await _all(client, "/api/catalog", folder=options.folder)
            return print_entries(entries, as_json=options.json)
        files = await _all(client, "/api/models", folder=options.folder)
    if options.json:
        print(json.dumps(files, indent=2))
        return 0
    rows = [
        (
            file["folder"],
            file["name"],
            shown_size(file["size_bytes"]),
            file["family_name"] or "",
            file["title"] or "",
            _remark(file),
        )
        for file in files
    ]
    print_table(("FOLDER", "NAME", "SIZE", "BASE MODEL", "TITLE", ""), rows)
    return 0


async def _bundles(client: Client) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = (await client.get("/api/models/bundles"))["items"]
    return items


async def _require_folder(client: Client, folder: str) -> None:
    known = (await client.get("/api/models/folders"))["items"]
    if folder not in known:
        raise CommandFailed(
            f"There is no folder of models “{folder}”. There are: {', '.join(known)}.",
            reason="not_found",
        )


async def _pull(options: argparse.Namespace) -> int:
    """Ctrl-C leaves the downloads alone: Studio goes on."""
    if bool(options.targets) == bool(options.workflow):
        raise CommandFailed(
            "Say what to bring: references, ids of models list --available or --bundles, or "
            "--for WORKFLOW.json.",
            reason="usage",
            exit_code=EXIT_USAGE,
        )
    async with open_running(options) as session:
        client = session.client
        unknown = 0
        if options.workflow:
            downloads, unknown = await _for_workflow(client, options.workflow)
        else:
            downloads = [
                each
                for target in options.targets
                for each in await _wanted(client, target, options)
            ]
        if not downloads:
            if not unknown:
                print("Everything is there.", file=sys.stderr)
            return 1 if unknown else 0
        screen = Screen(quiet=options.quiet)
        try:
            failed = [
                ended
                for each in downloads
                if (ended := await follow_download(client, each, screen))["state"] != "done"
            ]
        finally:
            screen.clear()
    for ended in failed:
        error = ended.get("error") or {"code": ended["state"], "message": "It was canceled."}
        print(f"studio: {name_of(ended)}: {error['message']} [{error['code']}]", file=sys.stderr)
    return 1 if failed or unknown else 0


async def _wanted(client: Client, target: str, options: argparse.Namespace) -> list[str]:
    """The ids of the downloads that a target makes: none when it is there already."""
    if target.startswith(_PREFIXES):
        wish = {"reference": target, "folder": options.folder or await _folder(client, target)}
        more = {"name": options.name, "sha256": options.sha256}
        body = wish | {key: value for key, value in more.items() if value}
        return [str((await client.post("/api/downloads", body))["id"])]
    bundles = [each["id"] for each in await _bundles(client)]
    kind = "models/bundles" if target in bundles else "catalog"
    try:
        made = await client.post(f"/api/{kind}/{quote(target, safe='')}/install", {})
    except CommandFailed as failure:
        if failure.reason != "not_found":
            raise
        entries = [each["id"] for each in await _all(client, "/api/catalog")]
        alike = difflib.get_close_matches(target, [*bundles, *entries], n=5)
        raise CommandFailed(
            f"The catalogs have no entry and no bundle “{target}”."
            + (f" Closest: {', '.join(alike)}." if alike else ""),
            reason="not_found",
        ) from failure
    return [str(each) for each in made["downloads"]]


async def _folder(client: Client, reference: str) -> str:
    """Where a reference's file goes, as its hub, the catalogs or its name say."""
    found = await client.post("/api/models/look", {"reference": reference})
    if found["folder"] is None:
        raise CommandFailed(
            f"Say --folder for {reference}: checkpoints, loras, vae, … or llm.",
            reason="usage",
            exit_code=EXIT_USAGE,
        )
    if found["told_by"] == "name":
        print(
            f"studio: {found['name']} goes to {found['folder']}, as its name says; "
            "--folder says another.",
            file=sys.stderr,
        )
    return str(found["folder"])


async def _for_workflow(client: Client, path: Path) -> tuple[list[str], int]:
    """The ids of the downloads that bring what is missing, and how many somebody must see to."""
    found = await client.post("/api/models/missing", {"graph": read_workflow(path), "search": True})
    downloads, unknown = [], 0
    for model in found["models"]:
        if model["state"] == "present":
            continue
        if model["install"]:
            made = await client.post("/api/downloads", model["install"])
            downloads.append(str(made["id"]))
        else:
            unknown += 1
            print(f"studio: {model['file']}: {_advice(model)}", file=sys.stderr)
    return downloads, unknown


def _advice(model: dict[str, Any]) -> str:
    """What somebody can do about a model that cannot simply be fetched."""
    found = model["found"]
    if model["state"] == "elsewhere":
        return f"it may be {found['folder']}/{found['name']}, which is there."
    if model["state"] == "different":
        return "a file of that name is there, with other content."
    offers = [f"{offer['reference']} ({offer['title']})" for offer in model["offers"][:3]]
    return f"perhaps one of: {'; '.join(offers)}" if offers else "nobody knows where it is."


async def _rm(options: argparse.Namespace) -> int:
    async with _place(options) as client:
        file = await _one(client, options.model)
        if not options.yes and not await _agreed(client, file):
            return 1
        await client.delete(f"/api/models/{file['id']}?force=1")
    print(f"{file['folder']}/{file['name']} is deleted.", file=sys.stderr)
    return 0


async def _agreed(client: Client, file: dict[str, Any]) -> bool:
    """Ask a person, who is told what would break; nobody is there to be asked: no."""
    needed = (await client.get(f"/api/models/{file['id']}"))["needed_by"]
    for workflow in needed["workflows"]:
        print(f"The workflow “{workflow['name']}” needs it.", file=sys.stderr)
    if not sys.stdin.isatty():
        raise CommandFailed("Say --yes to delete without a question.", reason="not_confirmed")
    print(f"Delete {file['folder']}/{file['name']}? [y/N] ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() in ("y", "yes")


async def _verify(options: argparse.Namespace) -> int:
    async with _place(options) as client:
        wanted = [await _one(client, name) for name in options.models]
        body = {"ids": [file["id"] for file in wanted]} if wanted else {}
        left = (await client.post("/api/models/verify", body))["waiting"]
        screen = Screen(quiet=options.quiet)
        total = max(1, left)
        while left:
            screen.show_progress({"value": 1 - left / total, "message": _left(left)})
            await asyncio.sleep(_LOOK_EVERY_S)
            left = (await client.get("/api/models/verify"))["waiting"]
        screen.clear()
        ids = {file["id"] for file in wanted}
        files = await _all(client, "/api/models")
    checked = [file for file in files if not ids or file["id"] in ids]
    bad = [file for file in checked if file["fault"]]
    if not checked:
        print("There is no model to verify.", file=sys.stderr)
    for file in checked:
        print(f"{file['sha256'] or '-'}  {file['folder']}/{file['name']}  {file['fault'] or 'ok'}")
    if bad:
        raise CommandFailed(f"{len(bad)} of {len(checked)} files are damaged.", reason="damaged")
    return 0


async def _scan(options: argparse.Namespace) -> int:
    async with _place(options) as client:
        found = await client.post("/api/models/scan", {}, timeout_s=None)
    print(
        f"{found['files']} files: {found['added']} new, {found['changed']} changed, "
        f"{found['gone']} gone."
    )
    for root in found["unreachable"]:
        print(f"studio: the folder of “{root}” cannot be read.", file=sys.stderr)
    return 0


async def _one(client: Client, wanted: str) -> dict[str, Any]:
    """The file that is meant: by its id, its name, or folder/name."""
    files = await _all(client, "/api/models")
    found = [
        file
        for file in files
        if wanted in (file["id"], file["name"], f"{file['folder']}/{file['name']}")
    ]
    if len(found) == 1:
        return found[0]
    if found:
        places = ", ".join(f"{file['folder']}/{file['name']}" for file in found)
        raise CommandFailed(f"“{wanted}” could be: {places}.", reason="ambiguous")
    raise CommandFailed(f"There is no model “{wanted}”.", reason="not_found")


async def _all(client: Client, path: str, **query: str | None) -> list[dict[str, Any]]:
    chosen = {name: value for name, value in query.items() if value}
    items: list[dict[str, Any]] = []
    while True:
        asked = urlencode({**chosen, "start": len(items), "limit": _PAGE})
        page = await client.get(f"{path}?{asked}")
        items += page["items"]
        if not page["items"] or len(items) >= page["total"]:
            return items


def _remark(file: dict[str, Any]) -> str:
    said: Iterable[str] = (
        (file["fault"] or "").replace("_", " "),
        f"belongs in {file['belongs_in']}" if file["belongs_in"] else "",
    )
    return ", ".join(each for each in said if each)


def _left(count: int) -> str:
    return "1 file to read" if count == 1 else f"{count} files to read"
