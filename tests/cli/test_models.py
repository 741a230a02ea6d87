"""``studio models`` with a Studio that runs and without one."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

from tests.cli.program import Place
from tests.fakes.model_files import LORA, VAE, put, safetensors


def listed(place: Place) -> dict[str, dict[str, Any]]:
    ended = place.run("models", "list", "--json")
    assert ended.status == 0, ended.err
    return {f"{file['folder']}/{file['name']}": file for file in json.loads(ended.out)}


def test_files_are_scanned_verified_and_deleted_while_studio_stands_still(place: Place) -> None:
    data = safetensors(VAE)
    vae = put(place.studio_dir / "models/vae/one.safetensors", data)
    put(place.studio_dir / "models/checkpoints/wrong.safetensors", safetensors(LORA))
    scanned = place.run("models", "scan")
    assert scanned.status == 0 and "2 files: 2 new" in scanned.out
    assert "belongs in loras" in place.run("models", "list").out
    verified = place.run("models", "verify", "vae/one.safetensors")
    assert verified.status == 0
    assert verified.out == f"{hashlib.sha256(data).hexdigest()}  vae/one.safetensors  ok\n"
    refused = place.run("models", "rm", "one.safetensors")
    assert refused.status == 1 and "[not_confirmed]" in refused.err and vae.exists()
    assert place.run("models", "rm", "one.safetensors", "--yes").status == 0
    assert not vae.exists()
    assert listed(place).keys() == {"checkpoints/wrong.safetensors"}
    assert "[not_found]" in place.run("models", "rm", "one.safetensors", "--yes").err


def test_damage_is_told_and_ends_with_a_failure(place: Place) -> None:
    nothing = place.run("models", "verify")
    assert (nothing.status, nothing.out) == (0, "") and "no model to verify" in nothing.err
    path = put(place.studio_dir / "models/vae/one.safetensors", safetensors(VAE))
    place.run("models", "scan")
    assert place.run("models", "verify").status == 0
    facts = path.stat()
    path.write_bytes(safetensors(VAE, fill=b"\1"))
    os.utime(path, ns=(facts.st_atime_ns, facts.st_mtime_ns))
    ended = place.run("models", "verify")
    assert ended.status == 1
    assert "hash_mismatch" in ended.out and "[damaged]" in ended.err


def test_a_studio_that_runs_is_asked(running: Place) -> None:
    put(running.studio_dir / "models/vae/new.safetensors", safetensors(VAE))
    assert running.run("models", "scan").status == 0
    assert "vae/new.safetensors" in listed(running)
    known = running.run("models", "list", "--available", "--folder", "vae")
    assert "sdxl-vae" in known.out and "absent" in known.out


def test_lists_have_names_sizes_and_no_folder_that_does_not_exist(place: Place) -> None:
    put(place.studio_dir / "models/upscale_models/one.safetensors", safetensors(VAE))
    assert place.run("models", "scan").status == 0
    there = place.run("models", "list", "--folder", "upscale_models").out
    assert "one.safetensors" in there and " B " in there
    [line] = [
        line
        for line in place.run("models", "list", "--available").out.splitlines()
        if line.startswith("v1-5-pruned-emaonly-fp16 ")
    ]
    # In the page's units, which are powers of 1000.
    for told in ("Stable Diffusion 1.5 pruned fp16", "checkpoints", "2.1 GB", "absent"):
        assert told in line
    bundles = place.run("models", "list", "--bundles")
    assert any(line.startswith("wan-2.2-i2v ") for line in bundles.out.splitlines())
    listed_bundles = json.loads(place.run("models", "list", "--bundles", "--json").out)
    assert {"id", "name", "entries", "missing"} <= listed_bundles[0].keys()
    for more in ((), ("--available",)):
        refused = place.run("models", "list", "--folder", "nonsense", *more)
        assert refused.status == 1 and refused.out == ""
        assert "“nonsense”" in refused.err and "loras" in refused.err


def test_a_folder_that_the_file_speaks_for_need_not_be_said(place: Place) -> None:
    content = safetensors(LORA)
    with serving_files({"loras/style.safetensors": content}) as url:
        place.more["STUDIO_OUTBOUND_ALLOW"] = url.removeprefix("http://")
        with place.serving():
            pulled = place.run("models", "pull", f"{url}/loras/style.safetensors", "--quiet")
            assert pulled.status == 0, pulled.err
            assert "style.safetensors goes to loras, as its name says" in pulled.err
            assert (place.studio_dir / "models/loras/style.safetensors").read_bytes() == content
            unknown = place.run("models", "pull", "no-such-model")
            assert unknown.status == 1 and "“no-such-model”" in unknown.err


def test_what_cannot_be_pulled_is_said(place: Place) -> None:
    assert "[not_running]" in place.run("models", "pull", "sdxl").err
    assert "[usage]" in place.run("models", "pull").err


def test_a_workflows_models_are_pulled_and_one_that_fails_is_named(place: Place) -> None:
    content = safetensors(VAE)
    with serving_files({"one.safetensors": content, "page.safetensors": b"<html>"}) as url:
        place.more["STUDIO_OUTBOUND_ALLOW"] = url.removeprefix("http://")
        with place.serving():
            pulled = place.run(
                "models", "pull", f"{url}/one.safetensors", "--folder", "vae", "--quiet"
            )
            assert (pulled.status, pulled.err) == (0, "")
            assert (place.studio_dir / "models/vae/one.safetensors").read_bytes() == content
            page = place.run("models", "pull", f"{url}/page.safetensors", "--folder", "vae")
            assert page.status == 1 and "[not_a_model]" in page.err
            assert "[usage]" in place.run("models", "pull", f"{url}/one.safetensors").err
            models = [{"name": "one.safetensors", "directory": "vae"}]
            models.append({"name": "nobody-knows.safetensors", "directory": "vae"})
            node = {"id": 1, "type": "VAELoader", "properties": {"models": models}}
            graph = {"nodes": [node], "links": [], "version": 0.4}
            workflow = place.folder / "workflow.json"
            workflow.write_text(json.dumps(graph))
            ended = place.run("models", "pull", "--for", str(workflow))
            assert "nobody-knows.safetensors: nobody knows" in ended.err
            assert "one.safetensors" not in ended.err
            assert ended.status == 1 and "Everything" not in ended.err
            node["properties"] = {"models": models[:1]}
            workflow.write_text(json.dumps(graph))
            ended = place.run("models", "pull", "--for", str(workflow))
            assert ended.status == 0 and "Everything is there." in ended.err


def test_a_pull_whose_server_is_out_of_reach_says_so_at_once_and_when_it_tries_again(
    place: Place,
) -> None:
    place.more["STUDIO_OUTBOUND_ALLOW"] = "127.0.0.1"
    with place.serving():
        pulling = place.start(
            "models", "pull", "http://127.0.0.1:1/lost.safetensors", "--folder", "vae"
        )
        try:
            assert pulling.stderr is not None
            said = next(line for line in pulling.stderr if "[source_unreachable]" in line)
        finally:
            pulling.kill()
            pulling.communicate()
    assert "vae/lost.safetensors: There is no connection to 127.0.0.1" in said
    assert "Tried again in" in said and "Ctrl-C leaves it to Studio." in said


def test_a_name_that_the_catalogs_do_not_know_is_answered_with_the_closest(place: Place) -> None:
    with place.serving():
        refused = place.run("models", "pull", "wan-2.2-i2x")
    assert refused.status == 1 and "[not_found]" in refused.err
    assert "Closest: wan-2.2-i2v" in refused.err


@contextmanager
def serving_files(files: dict[str, bytes]) -> Iterator[str]:
    """Plain files on loopback; their address."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            content = files[self.path.lstrip("/")]
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            """Nothing on the tests' console."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
