"""Invert a picture in Studio with Comfy Org's own client: ``python first.py PICTURE``."""

from __future__ import annotations

import sys
from pathlib import Path

from comfy_sdk import Comfy, OutputReady, Progress, StatusChange

graph = {
    "1": {"class_type": "LoadImage", "inputs": {"image": ""}},
    "2": {"class_type": "ImageInvert", "inputs": {"image": ["1", 0]}},
    "3": {"class_type": "SaveImage", "inputs": {"images": ["2", 0], "filename_prefix": "inverted"}},
}

# Beside the pictures that ./start.sh run makes; git ignores that folder.
folder = Path(__file__).resolve().parents[1] / "pictures"
folder.mkdir(exist_ok=True)

with Comfy() as client:  # reads COMFY_BASE_URL and COMFY_API_KEY
    workflow = client.workflows.from_json(graph)
    workflow.set_input("1", "image", client.assets.from_file(sys.argv[1]))
    job = client.submit(workflow)
    for event in job.events():
        match event:
            case StatusChange(status=status):
                print(status)
            case Progress(value=value):
                print(f"{value:.0%}")
            case OutputReady(output=output):
                print("saved", output.to_file(folder / output.name))
