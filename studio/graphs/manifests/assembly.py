"""Dynamic workflows: blocks wired to one another, stage by stage."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from studio.errors import InvalidWorkflow, UnresolvedName
from studio.graphs.graph import MAX_NODES, Graph
from studio.graphs.manifests.blocks import (
    Block,
    Link,
    Room,
    block_fault,
    fill_block,
    read_block,
)
from studio.graphs.manifests.expressions import Expression, ExpressionError, Scope, parse_expression
from studio.graphs.manifests.manifest import RESERVED, STAGE_SEPARATOR, Manifest, Stage
from studio.graphs.problems import clip

MAX_REPEATS: Final = 1000
_REPEATED: Final = frozenset({"item", "index", "number", "count"})


def read_blocks(manifest: Manifest, source: object) -> dict[str, Block]:
    """The blocks of a workflow by file, checked against the stages that use them.

    Args:
        source: ``{"blocks": {file: block}}``.

    Raises:
        InvalidWorkflow: a block is missing or wrong.
        UnresolvedName: a name in a block or a stage can never have a value.
    """
    data = source.get("blocks") if isinstance(source, Mapping) else None
    if not isinstance(data, dict) or not all(isinstance(name, str) for name in data):
        raise InvalidWorkflow('The graph of a workflow with a pipeline is {"blocks": {...}}.')
    blocks = {}
    exported: dict[str, frozenset[str]] = {}
    for stage in manifest.stages:
        names: set[str] = set()
        for file in stage.files:
            if file not in data:
                raise block_fault(file, f"it is missing; the stage {stage.name} needs it")
            if file not in blocks:
                blocks[file] = read_block(file, data[file])
            _check_stage(manifest, stage, blocks[file], exported)
            names |= blocks[file].exports.keys()
        exported[stage.name] = frozenset(names)
    return blocks


def assemble(
    manifest: Manifest, blocks: Mapping[str, Block], scope: Scope
) -> tuple[Graph, set[str]]:
    """The graph that the stages make, and the names of those that took part.

    Args:
        scope: the inputs' values as nodes take them, by id.

    Raises:
        UnresolvedName: something has no value, or an import could be several exports.
        InvalidWorkflow: the graph would be too large.
    """
    graph: Graph = {}
    room = Room()
    exports: dict[str, dict[str, Link]] = {}
    for stage in manifest.stages:
        if stage.when is not None and not _evaluate(stage, stage.when).holds(scope):
            continue
        block = blocks[_file(stage, scope)]
        rounds = list(_rounds(stage, scope))
        before: dict[str, Link] | None = None
        for number, names in enumerate(rounds, 1):
            prefix = stage.name + STAGE_SEPARATOR
            if stage.repeat is not None:
                prefix += f"{number}{STAGE_SEPARATOR}"
            imports = {name: _wire(stage, name, exports, before) for name in block.imports}
            graph |= fill_block(block, prefix, {**scope, **names}, imports, room)
            if len(graph) > MAX_NODES:
                raise _fault(stage, f"the graph would have more than {MAX_NODES} nodes")
            before = {name: [prefix + link[0], link[1]] for name, link in block.exports.items()}
        if before is not None:
            exports[stage.name] = before
    return graph, set(exports)


def _check_stage(
    manifest: Manifest, stage: Stage, block: Block, exported: Mapping[str, frozenset[str]]
) -> None:
    known = {each.id for each in manifest.inputs}
    if stage.when is not None:
        _check_names(stage, _evaluate(stage, stage.when).names, known)
    if isinstance(stage.repeat, str):
        _check_names(stage, _evaluate(stage, stage.repeat).names, known)
    if stage.repeat is not None:
        known |= _REPEATED
    _check_names(stage, block.names, known | set(block.imports))
    for name, export in stage.chain.items():
        if name not in block.imports or export not in block.exports:
            raise _unresolved(stage, name, f"{block.file} cannot chain it to {export}")
    for name, sources in stage.wiring.items():
        for source in sources:
            before, _, export = source.partition(".")
            if export not in exported.get(before, frozenset()):
                raise _unresolved(stage, name, f"no stage before it exports {source}")
    for name in block.imports:
        if name not in stage.wiring and not any(name in names for names in exported.values()):
            raise _unresolved(stage, name, f"{block.file} imports it, and nothing exports it")


def _check_names(stage: Stage, used: frozenset[str], known: set[str]) -> None:
    if unknown := sorted(used - known):
        hint = (
            "it means something only in a repetition"
            if unknown[0] in RESERVED
            else ("no input has that id")
        )
        raise _unresolved(stage, unknown[0], hint)


def _file(stage: Stage, scope: Scope) -> str:
    if stage.switch is None:
        return stage.file
    value = scope.get(stage.switch)
    key = str(value).lower() if isinstance(value, bool) else str(value)
    file = stage.cases.get(key, stage.default)
    if file is None:
        listed = ", ".join(stage.cases)
        raise _unresolved(stage, stage.switch, f"“{clip(key, 40)}” is none of: {listed}")
    return file


def _rounds(stage: Stage, scope: Scope) -> Iterator[dict[str, Any]]:
    if stage.repeat is None:
        yield {}
        return
    wanted: Any = stage.repeat
    if isinstance(wanted, str):
        try:
            wanted = _evaluate(stage, wanted).value(scope)
        except ExpressionError as error:
            raise _unresolved(stage, str(stage.repeat), str(error)) from error
    items = wanted if isinstance(wanted, list) else None
    if wanted is None:
        wanted = []
    count = len(wanted) if isinstance(wanted, list) else wanted
    if type(count) is not int or not 0 <= count <= MAX_REPEATS:
        message = f"it must be a list or a number from 0 to {MAX_REPEATS}"
        raise _unresolved(stage, str(stage.repeat), message)
    for index in range(count):
        names = {"index": index, "number": index + 1, "count": count}
        yield names if items is None else {**names, "item": items[index]}


def _wire(
    stage: Stage,
    name: str,
    exports: Mapping[str, Mapping[str, Link]],
    before: Mapping[str, Link] | None,
) -> Link:
    """What an import is linked to: the round before, what ``with`` says, or the only export."""
    if before is not None and name in stage.chain:
        return before[stage.chain[name]]
    if name in stage.wiring:
        for source in stage.wiring[name]:
            other, _, export = source.partition(".")
            if export in exports.get(other, {}):
                return exports[other][export]
        raise _unresolved(stage, name, f"none of these took part: {', '.join(stage.wiring[name])}")
    found = [other for other, names in exports.items() if name in names]
    if len(found) != 1:
        why = f"several stages export it: {', '.join(found)}" if found else "nothing exports it"
        raise _unresolved(stage, name, why)
    return exports[found[0]][name]


def _evaluate(stage: Stage, text: str) -> Expression:
    try:
        return parse_expression(text)
    except ExpressionError as error:
        raise _unresolved(stage, text, str(error)) from error


def _unresolved(stage: Stage, name: str, why: str) -> UnresolvedName:
    shown = clip(name, 80)
    return UnresolvedName(
        f"Stage {stage.name}: “{shown}”: {why}.", details={"stage": stage.name, "name": shown}
    )


def _fault(stage: Stage, message: str) -> InvalidWorkflow:
    return InvalidWorkflow(f"Stage {stage.name}: {message}.", details={"stage": stage.name})
