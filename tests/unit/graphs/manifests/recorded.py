"""What every class of real ComfyUI 0.33 declares; its lists of model files are empty."""

from __future__ import annotations

import copy
import gzip
import json
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

_FILE = Path(__file__).resolve().parents[3] / "data/object_info-0.33.json.gz"


@cache
def comfyui() -> dict[str, Any]:
    with gzip.open(_FILE) as file:
        return dict(json.load(file))


def with_models(models: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """The same with these models installed."""
    info = dict(comfyui())
    for model in models:
        name = model["class"]
        info[name] = copy.deepcopy(info[name])
        spec = info[name]["input"]["required"][model["input"]]
        choices = spec[0] if isinstance(spec[0], list) else spec[1]["options"]
        choices.append(model["file"])
    return info
