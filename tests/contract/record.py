"""Records from a running ComfyUI what the suite compares engines with.

``python -m tests.contract.record <url> <base directory>`` rewrites ``object_info.json`` and
``node_results.json``, for a ComfyUI that was started with that base directory.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from tests.contract import declarations, node_cases
from tests.contract.clients import Client
from tests.contract.harness import Engine


def main(url: str, home: str) -> None:
    """Rewrite both files."""
    client = Client(Engine("comfyui", url, Path(home), ""))
    version = client.http.get("/system_stats").json()["system"]["comfyui_version"]
    info = client.http.get("/object_info").json()
    classes = {
        name: declarations.without_prose(info[name]) for name in declarations.recorded_classes()
    }
    source = f"GET /object_info of ComfyUI {version}, without prose and lists of files"
    text = json.dumps({"source": source, "classes": classes}, indent=1)
    declarations.RECORDED.write_text(f"{text}\n")
    node_cases.prepare(client)
    cases = {case: node_cases.pictures_of(client, case) for case in node_cases.CASES}
    source = f"Pictures made by ComfyUI {version} on the CPU, as rows of pixels"
    text = json.dumps({"source": source, "cases": cases}, separators=(",", ":"))
    text = text.replace(']]],"', ']]],\n"').replace(']]]],"', ']]]],\n"')
    node_cases.RECORDED.write_text(f"{text}\n")
    client.http.close()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
