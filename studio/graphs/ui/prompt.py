"""Makes the prompt from live graphs: what the editor sends when somebody presses Run."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

from studio.graphs.problems import clip
from studio.graphs.ui.group_kinds import PREFIXES
from studio.graphs.ui.loading import write_primitives
from studio.graphs.ui.model import ABSENT, INACTIVE, Graph, Node, Widget
from studio.graphs.ui.resolving import Flat, Step, Value
from studio.graphs.ui.source import Work, text

_SAVES: Final = frozenset(
    {
        "SaveImage",
        "SaveImageAdvanced",
        "SaveSVGNode",
        "SaveVideo",
        "SaveAnimatedWEBP",
        "SaveWEBM",
        "SaveAudio",
        "SaveAudioMP3",
        "SaveAudioOpus",
        "SaveAudioAdvanced",
        "SaveGLB",
        "Save3DAdvanced",
        "SaveGaussianSplat",
        "SavePointCloud",
        "SaveAnimatedPNG",
        "CLIPSave",
        "VAESave",
        "ModelSave",
        "LoraSave",
        "SaveLatent",
    }
)
_DRAWN_BY_EDITOR: Final = {
    "Load3D": "image",
    "Load3DAdvanced": "viewport_state",
    "RecordAudio": "audio",
    "WebcamCapture": "image",
}
MAX_REFERENCED: Final = 1000
"""Characters of another node's value that a file name takes over."""

_REFERENCE: Final = re.compile(r"%([^%.]{1,200})\.([^%.]{1,200})%")
_UNSAFE: Final = re.compile(r'[/?<>\\:*|"\x00-\x1f\x7f]')
_COMMENT: Final = re.compile(r"/\*|//[^\n\r\u2028\u2029]*")
_ESCAPED: Final = re.compile(r"\\([{}|])")


def make(work: Work, root: Graph) -> dict[str, dict[str, Any]]:
    """The graph in API format. What the engine cannot run is reported, and left out."""
    flat = Flat(work, root)
    for graph in _graphs(flat, root):
        write_primitives(graph)
    references = _References(work, flat)
    found: dict[str, dict[str, Any]] = {}
    for step in flat.steps.values():
        node = step.node
        if node.virtual or node.mode in INACTIVE:
            continue
        _report(work, step)
        found[step.id] = {
            "inputs": _inputs(work, flat, references, step),
            "class_type": node.type,
            "_meta": {"title": node.title},
        }
    for entry in found.values():
        inputs = entry["inputs"]
        for name, value in list(inputs.items()):
            if isinstance(value, list) and len(value) == 2 and value[0] not in found:
                del inputs[name]
    return _numbers_first(found)


def _report(work: Work, step: Step) -> None:
    kind = clip(step.node.type, 100)
    drawn = _DRAWN_BY_EDITOR.get(step.node.type)
    if step.node.info is None and kind.startswith(PREFIXES):
        message = (
            f"“{kind}” is a group node, and the file does not say what it is made of, or the "
            "engine lacks a class of it."
        )
        work.report("group_node", step.id, message)
    elif step.node.info is None:
        work.report("unknown_class", step.id, f"The engine has no node class “{kind}”.")
    elif drawn is not None:
        message = f"The editor itself makes the value of its input “{drawn}”, in the browser."
        work.report("needs_editor", step.id, message)


def _inputs(work: Work, flat: Flat, references: _References, step: Step) -> dict[str, Any]:
    node = step.node
    inputs: dict[str, Any] = {}
    for widget in node.widgets:
        work.spend()
        if not widget.sent or not widget.name:
            continue
        value = _value(references, node, widget)
        if value is not ABSENT:
            inputs[widget.name] = _wrapped(value)
    for index, slot in enumerate(node.inputs):
        resolved = flat.resolve(step, index)
        if isinstance(resolved, Value):
            if resolved.value is not ABSENT:
                inputs[slot.name] = _wrapped(resolved.value)
            else:
                inputs.pop(slot.name, None)
        elif resolved is not None:
            inputs[slot.name] = list(resolved)
    return inputs


def _wrapped(value: Any) -> Any:
    """A list is put into an object: a bare one would be taken for a link."""
    return {"__value__": value} if isinstance(value, list) else value


def _value(references: _References, node: Node, widget: Widget) -> Any:
    value = widget.value
    if node.type == "CustomCombo" and widget.name == "index":
        choice = node.widget("choice")
        options = [each.value for each in node.widgets[2:]]
        return options.index(choice.value) if choice and choice.value in options else -1
    if not isinstance(value, str):
        return value
    if widget.name == "filename_prefix" and node.type in _SAVES:
        return references.replaced(value)
    if widget.spec is not None and widget.spec.options.get("dynamicPrompts") is True:
        return _plain_prompt(value)
    return value


class _References:
    """What ``%Node.widget%`` in the name of a file stands for: the value of another node."""

    def __init__(self, work: Work, flat: Flat) -> None:
        self._work = work
        self._by_alias: dict[str, Node] = {}
        self._by_title: dict[str, Node] = {}
        for step in flat.steps.values():
            alias = text(step.node.properties.get("Node name for S&R"))
            self._by_alias.setdefault(alias, step.node)
            self._by_title.setdefault(step.node.title, step.node)

    def replaced(self, value: str) -> str:
        """The name with every reference that leads to a widget replaced by its value."""
        return _REFERENCE.sub(self._value, value)

    def _value(self, match: re.Match[str]) -> str:
        self._work.spend()
        wanted, name = match.groups()
        node = self._by_alias.get(wanted) or self._by_title.get(wanted)
        widget = node.widget(name) if node else None
        if widget is None:
            return match.group()
        value = "" if widget.value is None or widget.value is ABSENT else widget.value
        shown = str(value).lower() if isinstance(value, bool) else str(value)
        # A value that is itself long must not be repeated without end.
        return _UNSAFE.sub("_", shown[:MAX_REFERENCED])


def _plain_prompt(value: str) -> str:
    """A prompt without its comments. Choices (``{a|b}``) stay: whoever runs it draws them."""
    stripped = without_comments(value)
    if re.search(r"(?<!\\)\{", stripped):
        return stripped
    return _ESCAPED.sub(r"\1", stripped)


def without_comments(text: str) -> str:
    """A prompt as the editor sends it: without ``/* ... */`` and what follows ``//`` in a line."""
    last_end = text.rfind("*/")
    kept, at = [], 0
    while found := _COMMENT.search(text, at):
        start, end = found.span()
        if found[0] == "/*" and end > last_end:
            # It has no end, so it begins nothing. To look for one each time would take for ever.
            kept.append(text[at : start + 1])
            at = start + 1
            continue
        kept.append(text[at:start])
        at = text.index("*/", end) + 2 if found[0] == "/*" else end
    return "".join([*kept, text[at:]])


def _graphs(flat: Flat, root: Graph) -> Iterator[Graph]:
    seen = {root.id}
    yield root
    for step in list(flat.steps.values()):
        graph = step.node.subgraph
        if graph is not None and graph.id not in seen:
            seen.add(graph.id)
            yield graph


def _numbers_first(found: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """The order of a JavaScript object: whole numbers, ascending, before all else."""
    numbers = sorted((key for key in found if key.isdecimal() and key.isascii()), key=int)
    return {
        key: found[key] for key in [*numbers, *(key for key in found if key not in set(numbers))]
    }
