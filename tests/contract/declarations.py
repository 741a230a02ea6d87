"""Compares what ``/object_info`` declares, without prose and without lists of files."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

RECORDED = Path(__file__).with_name("object_info.json")

_PROSE = ("description", "search_aliases", "output_tooltips")
_FILE_LISTS = ("ckpt_name", "lora_name", "vae_name", "image")


def recorded_classes() -> dict[str, Any]:
    """Return the declarations that were recorded from ComfyUI."""
    recorded: dict[str, Any] = json.loads(RECORDED.read_text())["classes"]
    return recorded


def without_prose(info: Mapping[str, Any]) -> dict[str, Any]:
    """Return a class's declaration reduced to what programs depend on."""
    reduced = {key: value for key, value in info.items() if key not in _PROSE}
    reduced["input"] = {
        group: {name: _reduced_spec(name, spec) for name, spec in inputs.items()}
        for group, inputs in info["input"].items()
    }
    return reduced


def _reduced_spec(name: str, spec: Any) -> Any:
    if not isinstance(spec, list):
        return spec
    kind = [] if name in _FILE_LISTS and isinstance(spec[0], list) else spec[0]
    options = dict(spec[1]) if spec[1:] else {}
    options.pop("tooltip", None)
    return [kind, options]
