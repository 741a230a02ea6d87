"""What a group node shows outside: inputs, widgets and outputs of the nodes that it stands for.

Editors kept group nodes before they had subgraphs: a file has each kind once, under
``extra.groupNodes``, and its nodes name it by their type (``workflow>name``). What a group node
calls its inputs follows from the nodes inside, in the order in which the editor asks them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from studio.graphs.ui import nodes, specs, widgets
from studio.graphs.ui.source import MAX_SLOTS, Work, integer, listed, mapping, text
from studio.graphs.ui.specs import Spec

PREFIXES: Final = ("workflow>", "workflow/")
REROUTE: Final = "Reroute"
_SEEDS: Final = ("seed", "noise_seed")
_CONTROL: Final = "control_after_generate"

Inside = tuple[int, str]
"""One input inside: the place of its node in the group, and the input's name."""
InnerLink = tuple[int, int, int, int]
"""Place and output, place and input."""


@dataclass(slots=True)
class GroupKind:
    """One kind of group node. Places count the group's nodes from 0."""

    nodes: list[Mapping[str, Any]]
    links: list[InnerLink]
    widgets: dict[str, Inside] = field(default_factory=dict)
    slots: dict[str, Inside] = field(default_factory=dict)
    outputs: list[tuple[int, int, str]] = field(default_factory=list)
    """Place, output there, and type, of each output in order."""
    info: dict[str, Any] = field(default_factory=dict)
    """The kind as an engine would describe a class of its own."""


def kind_name(node_type: str) -> str | None:
    """The name of a group node's kind; None for every other node."""
    prefix = next((each for each in PREFIXES if node_type.startswith(each)), None)
    return node_type.removeprefix(prefix) if prefix else None


def read_kinds(
    work: Work, ui: Mapping[str, Any], object_info: Mapping[str, Any]
) -> dict[str, GroupKind]:
    """The kinds of a file that this engine has every class of, those inside others included."""
    found: dict[str, GroupKind] = {}
    known = dict(object_info)
    for name, data in mapping(mapping(ui.get("extra")).get("groupNodes")).items():
        kind = _read(work, mapping(data), known)
        if kind is not None:
            found[name] = kind
            known |= {f"{prefix}{name}": kind.info for prefix in PREFIXES}
    return found


def slot_name(kind: GroupKind, place: int, index: int) -> str:
    """The name of a node's input by its number, as the group's links name it."""
    stored = listed(kind.nodes[place].get("inputs"))
    return text(mapping(stored[index]).get("name")) if 0 <= index < len(stored) else ""


def _read(work: Work, data: Mapping[str, Any], known: Mapping[str, Any]) -> GroupKind | None:
    inside = [mapping(each) for each in listed(data.get("nodes"))]
    work.spend(1 + len(inside))
    kind = GroupKind(inside, list(_links(work, data, len(inside))))
    names = _Names(kind, mapping(data.get("config")))
    leaving: dict[int, InnerLink] = {}
    for link in kind.links:
        leaving.setdefault(link[0], link)
    external = {(integer(each[0]), integer(each[1])) for each in _rows(data.get("external"), 2)}
    later = []
    for place, node in enumerate(inside):
        if text(node.get("type")) in nodes.NOTES:
            continue
        is_inner = place in names.reached and place in leaving and (place, 0) not in external
        described = _described(kind, place, known, leaving.get(place), is_inner)
        if described is None:
            return None
        inputs, outputs = described
        work.spend(len(inputs) + len(outputs))
        later.append((place, names.add(work, place, inputs)))
        names.add_outputs(place, outputs, external)
    for place, converted in later:
        names.add_converted(place, converted)
    if len(names.specs) > MAX_SLOTS or len(kind.outputs) > MAX_SLOTS:
        # A kind that is made of others could have a thousand times as many as these.
        return None
    kind.info = {
        "input": {"required": {spec.name: [spec.type, spec.options] for spec in names.specs}},
        "output": [each[2] for each in kind.outputs],
    }
    return kind


def _rows(value: object, length: int) -> list[list[Any]]:
    return [each for each in listed(value) if isinstance(each, list) and len(each) >= length]


def _links(work: Work, data: Mapping[str, Any], count: int) -> list[InnerLink]:
    found = []
    for row in _rows(data.get("links"), 4):
        work.spend()
        origin, output, target, slot = (integer(each) for each in row[:4])
        slots_fit = 0 <= output < MAX_SLOTS and 0 <= slot < MAX_SLOTS
        if 0 <= origin < count and 0 <= target < count and slots_fit:
            found.append((origin, output, target, slot))
    return found


_Described = tuple[dict[str, Spec], list[str]]


def _described(
    kind: GroupKind,
    place: int,
    known: Mapping[str, Any],
    leaving: InnerLink | None,
    is_inner: bool,
) -> _Described | None:
    """Inputs and types of outputs of a node; of one that only passes a value on, what it passes."""
    node_type = text(kind.nodes[place].get("type"))
    if node_type == nodes.PRIMITIVE:
        return _primitive(kind, leaving, known)
    if node_type == REROUTE:
        return ({}, []) if is_inner else _reroute(kind.nodes[place])
    info = known.get(node_type)
    if not isinstance(info, Mapping):
        return None
    outputs = ["COMBO" if isinstance(each, list) else each for each in listed(info.get("output"))]
    return specs.of_class(node_type, info), [text(each) or "*" for each in outputs]


def _primitive(kind: GroupKind, leaving: InnerLink | None, known: Mapping[str, Any]) -> _Described:
    if leaving is not None:
        target, slot = leaving[2:]
        target_type = text(kind.nodes[target].get("type"))
        info = known.get(target_type)
        if isinstance(info, Mapping):
            spec = specs.of_class(target_type, info).get(slot_name(kind, target, slot))
            if spec is not None:
                # The editor lets every primitive change after a run.
                options = {**spec.options, _CONTROL: True}
                return {"value": replace(spec, name="value", options=options)}, [spec.type]
    return {}, []


def _reroute(node: Mapping[str, Any]) -> _Described:
    """At the group's edge a reroute is called like the type that it passes."""
    shown = [mapping(each) for each in listed(node.get("outputs"))[:1]]
    passed = (text(shown[0].get("type")) if shown else "") or "*"
    return {passed: Spec(passed, passed, False, {"forceInput": True})}, [passed]


class _Names:
    """Gives the inputs inside the names that they have on the group node."""

    def __init__(self, kind: GroupKind, config: Mapping[str, Any]) -> None:
        self.specs: list[Spec] = []
        self._kind = kind
        self._config = config
        self._seen: dict[str, int] = {}
        self.reached = {link[2] for link in kind.links}
        """The places that something inside leads to."""
        self._linked = {(link[2], slot_name(kind, link[2], link[3])) for link in kind.links}
        self._left = {(link[0], link[1]) for link in kind.links}

    def add(self, work: Work, place: int, inputs: Mapping[str, Spec]) -> list[tuple[str, Spec]]:
        """Widgets, then slots. Returns the widgets that are slots there: they come after all."""
        stored = self._stored(place)
        work.spend(len(inputs) * (1 + len(stored)))
        converted = {
            text(slot.get("name")): str(index)
            for index, slot in enumerate(stored)
            if mapping(slot.get("widget")).get("name") == slot.get("name")
        }
        slots, waiting = [], []
        for name, spec in inputs.items():
            if not widgets.has_widget(spec) or spec.force_input:
                slots.append((name, spec))
            elif name in converted:
                waiting.append((name, spec))
            else:
                self._add_widget(place, name, spec)
        for name, spec in slots:
            if not self._is_linked(place, name):
                own = self._named(place, name, spec)
                if self._entry(place, "input", name).get("visible") is not False:
                    self._kind.slots[own.name] = (place, name)
                    self.specs.append(own)
        return sorted(waiting, key=lambda each: converted[each[0]])

    def add_converted(self, place: int, converted: list[tuple[str, Spec]]) -> None:
        for name, spec in converted:
            if not self._is_linked(place, name):
                self._add_widget(place, name, spec)

    def add_outputs(self, place: int, types: list[str], external: set[tuple[int, int]]) -> None:
        for slot, shown in enumerate(types[:MAX_SLOTS]):
            is_inner = (place, slot) in self._left and (place, slot) not in external
            visible = self._entry(place, "output", str(slot)).get("visible")
            if (not is_inner) if visible is None else visible:
                self._kind.outputs.append((place, slot, shown))

    def _is_linked(self, place: int, name: str) -> bool:
        if text(self._kind.nodes[place].get("type")) == REROUTE:
            return place in self.reached
        return (place, name) in self._linked

    def _add_widget(self, place: int, name: str, spec: Spec) -> None:
        own = self._named(place, name, spec)
        self._kind.widgets[own.name] = (place, name)
        self.specs.append(own)

    def _named(self, place: int, name: str, spec: Spec) -> Spec:
        node = self._kind.nodes[place]
        labels = (each.get("label") for each in self._stored(place) if each.get("name") == name)
        label = text(next(labels, ""))
        shown = text(self._entry(place, "input", name).get("name")) or label or name
        prefix = ""
        is_titled = node.get("type") == nodes.PRIMITIVE and bool(text(node.get("title")))
        unique = shown
        if is_titled or shown in self._seen:
            prefix = f"{text(node.get('title')) or text(node.get('type'))} "
            shown = unique = f"{prefix}{name}"
            if shown in self._seen:
                unique = f"{prefix}{self._seen[shown]} {name}"
        self._seen[shown] = self._seen.get(shown, 1) + 1
        options = dict(spec.options)
        if name in _SEEDS:
            options[_CONTROL] = f"{prefix}{_CONTROL}"
        elif node.get("type") == nodes.PRIMITIVE:
            options["control_prefix"] = unique.removesuffix(" value") if is_titled else ""
        return replace(spec, name=unique, options=options)

    def _stored(self, place: int) -> list[Mapping[str, Any]]:
        return [mapping(each) for each in listed(self._kind.nodes[place].get("inputs"))[:MAX_SLOTS]]

    def _entry(self, place: int, side: str, name: str) -> Mapping[str, Any]:
        of_node = mapping(self._config.get(str(place)))
        return mapping(mapping(of_node.get(side)).get(name))
