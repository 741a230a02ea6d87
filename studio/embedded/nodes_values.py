"""Nodes that hold a plain value or show one."""

from __future__ import annotations

import json
import sys
from typing import Any

from studio.embedded.context import Context
from studio.embedded.declarations import Input, NodeClass, Result, flag, integer, number, text

_MODULE = "comfy_extras.nodes_primitive"


def _run_value(_context: Context, value: Any) -> Result:
    return Result((value,))


def _run_show(_context: Context, source: Any = None) -> Result:
    shown = _as_text(source)
    return Result((shown,), {"text": [shown]})


def _as_text(source: Any) -> str:
    if isinstance(source, (str, int, float, bool)) or source is None:
        return str(source)
    try:
        return json.dumps(source, indent=4, ensure_ascii=False)
    except (TypeError, ValueError):
        return str(source)


def _primitive(
    name: str, display_name: str, value: Input, *, essentials: str | None = None
) -> NodeClass:
    return NodeClass(
        name=name,
        display_name=display_name,
        category="utilities/primitive",
        run=_run_value,
        inputs=(value,),
        outputs=(str(value.type),),
        module=_MODULE,
        modern=True,
        essentials=essentials,
    )


NODES = (
    _primitive(
        "PrimitiveInt",
        "Int",
        integer("value", None, -sys.maxsize, sys.maxsize, None, control_after_generate="fixed"),
    ),
    _primitive("PrimitiveFloat", "Float", number("value", None, -sys.maxsize, sys.maxsize, 0.1)),
    _primitive("PrimitiveString", "Text", text("value", multiline=False)),
    _primitive(
        "PrimitiveStringMultiline",
        "Text (Multiline)",
        text("value", multiline=True),
        essentials="Basics",
    ),
    _primitive("PrimitiveBoolean", "Boolean", flag("value")),
    NodeClass(
        name="PreviewAny",
        display_name="Preview as Text",
        category="utilities",
        run=_run_show,
        inputs=(Input("source", "*"),),
        outputs=("STRING",),
        module="comfy_extras.nodes_preview_any",
        output_node=True,
        description="Shows any value as text.",
    ),
)
