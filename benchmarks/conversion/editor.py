"""Real ComfyUI and its editor in a browser, to ask what prompt it makes of a saved workflow."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import httpx
from playwright.sync_api import Error, Page, sync_playwright

from benchmarks.processes import end
from benchmarks.servers import free_port

_BROWSERS: Final = ("chromium", "chromium-browser", "google-chrome")
_START_S: Final = 180
_MAKE_PROMPT: Final = """async (workflow) => {
  await window.app.loadGraphData(workflow, true, false, null,
    {deferWarnings: true, skipAssetScans: true});
  // What the editor puts off until the next picture is drawn belongs to loading.
  await new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)));
  return JSON.stringify((await window.app.graphToPrompt()).output);
}"""


class Editor:
    """A page with ComfyUI's editor."""

    def __init__(self, page: Page, object_info: dict[str, Any]) -> None:
        self._page = page
        self.object_info = object_info

    def prompt(self, workflow: dict[str, Any]) -> dict[str, Any] | str:
        """What the editor would send, or why it cannot."""
        try:
            made: dict[str, Any] = json.loads(self._page.evaluate(_MAKE_PROMPT, workflow))
        except Error as error:
            return str(error).splitlines()[0]
        return made


@contextlib.contextmanager
def open_editor() -> Iterator[Editor]:
    """Starts the ComfyUI that ``COMFYUI_DIR`` names, with no models, and opens its editor.

    Raises:
        RuntimeError: there is no ComfyUI or no browser.
    """
    browser = next((found for name in _BROWSERS if (found := shutil.which(name))), None)
    if browser is None or not os.environ.get("COMFYUI_DIR"):
        raise RuntimeError("set COMFYUI_DIR, and install Chromium")
    with _comfyui() as url, sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=browser, args=["--no-sandbox"])
        page = chromium.new_page()
        # The editor asks model hubs for sizes and the like, and waits for the answers.
        page.route(lambda asked: not asked.startswith(url), lambda route: route.abort())
        page.goto(url, wait_until="domcontentloaded")
        page.wait_for_function("() => window.app?.graph && window.app?.canvas", timeout=60_000)
        page.wait_for_timeout(3000)
        yield Editor(page, httpx.get(f"{url}/object_info", timeout=120).json())
        chromium.close()


def templates() -> dict[str, dict[str, Any]]:
    """Every saved workflow of the ``comfyui-workflow-templates`` packages, by name."""
    python = os.environ.get("COMFYUI_PYTHON", "python3")
    question = "import comfyui_workflow_templates_json as found; print(found.__path__[0])"
    answer = subprocess.run([python, "-c", question], check=True, capture_output=True, text=True)
    found = {}
    for path in sorted((Path(answer.stdout.strip()) / "templates").glob("*.json")):
        content = json.loads(path.read_text(encoding="utf-8"))
        if isinstance(content, dict) and isinstance(content.get("nodes"), list):
            found[path.stem] = content
    return found


@contextlib.contextmanager
def _comfyui() -> Iterator[str]:
    home = Path(tempfile.mkdtemp(prefix="studio-conversion-"))
    for folder in ("custom_nodes", "input", "output"):
        (home / folder).mkdir()
    port = free_port()
    command = [
        os.environ.get("COMFYUI_PYTHON", "python3"),
        "main.py",
        *os.environ.get("COMFYUI_FLAGS", "").split(),
        "--port",
        str(port),
        "--base-directory",
        str(home),
        "--disable-auto-launch",
        "--database-url",
        "sqlite:///:memory:",
    ]
    with (home / "output.log").open("wb") as log:
        process = subprocess.Popen(
            command, cwd=os.environ["COMFYUI_DIR"], stdout=log, stderr=subprocess.STDOUT
        )
    url = f"http://127.0.0.1:{port}"
    try:
        transport = httpx.HTTPTransport(retries=0)
        with httpx.Client(base_url=url, transport=transport, timeout=5) as client:
            _await_answer(client, process)
        yield url
    finally:
        end(process)
        shutil.rmtree(home, ignore_errors=True)


def _await_answer(client: httpx.Client, process: subprocess.Popen[bytes]) -> None:
    for _ in range(_START_S * 2):
        with contextlib.suppress(httpx.TransportError):
            if client.get("/system_stats").status_code == httpx.codes.OK:
                return
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(0.5)
            break
    raise RuntimeError("ComfyUI did not start")
