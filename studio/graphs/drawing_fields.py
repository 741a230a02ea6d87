"""Which input of a workflow takes what a program says when it wants a picture drawn."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from studio.errors import Unprocessable
from studio.graphs import questions, wildcards
from studio.graphs.manifests.manifest import Input, InputType, Manifest

ROLES: Final[Mapping[str, frozenset[InputType]]] = {
    "prompt": frozenset({InputType.TEXT}),
    "negative": frozenset({InputType.TEXT}),
    "image": frozenset({InputType.IMAGE}),
    "mask": frozenset({InputType.MASK}),
    "size": frozenset({InputType.RESOLUTION}),
    "width": frozenset({InputType.INT}),
    "height": frozenset({InputType.INT}),
    "n": frozenset({InputType.INT}),
    "quality": frozenset({InputType.SELECT}),
    "seed": frozenset({InputType.SEED}),
}
"""What a program can say, and the types of inputs that can take it."""
_NAMES: Final[Mapping[str, Sequence[str]]] = {
    "prompt": ("prompt", "positive", "text", "instruction"),
    "negative": ("negative", "negative_prompt"),
    "width": ("width",),
    "height": ("height",),
    "n": ("images", "pictures", "batch_size", "count", "n"),
    "quality": ("quality",),
}
"""How inputs are usually called where the type alone does not tell them apart."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What is to be drawn. ``size`` is width and height; ``None`` leaves it to the preset."""

    prompt: str
    n: int = 1
    negative: str | None = None
    size: tuple[int, int] | None = None
    quality: str | None = None
    seed: int | None = None
    images: Sequence[str] = ()
    """Asset ids, the picture to change first."""
    mask: str | None = None


def guess(manifest: Manifest) -> dict[str, str]:
    """The input that probably takes each role; those that nothing fits are left out."""
    found: dict[str, str] = {}
    for role, types in ROLES.items():
        fitting = [each for each in manifest.inputs if each.type in types]
        if names := _NAMES.get(role):
            named = [each for name in names for each in fitting if each.id == name]
            if not named and role == "prompt":
                # Words that the workflow cannot do without are the prompt, whatever their name.
                named = sorted(fitting, key=lambda each: not each.required)
            fitting = named
        if fitting:
            found[role] = fitting[0].id
    return found


def check(manifest: Manifest, fields: Mapping[str, str]) -> None:
    """Refuse fields that lead nowhere.

    Raises:
        Unprocessable: it names the role.
    """
    for role, name in fields.items():
        types = ROLES.get(role)
        if types is None:
            raise _wrong(role, f"{role[:40]} is none of: {', '.join(ROLES)}.")
        each = manifest.input(name)
        if each is None:
            raise _wrong(role, f"The workflow has no input “{name[:60]}”.")
        if each.type not in types:
            wanted = " or ".join(sorted(types))
            raise _wrong(role, f"“{each.name}” is of type {each.type}, and {role} needs {wanted}.")


def values(manifest: Manifest, fields: Mapping[str, str], wish: Wish) -> tuple[dict[str, Any], int]:
    """The values that say a wish, and how many jobs it takes.

    Words mean themselves: choices and questions are for people who write presets.

    Raises:
        Unprocessable: the workflow takes no prompt, or other pictures than were sent.
    """
    inputs = {each.id: each for each in manifest.inputs}
    taken = {role: inputs[name] for role, name in fields.items() if name in inputs}
    if "prompt" not in taken:
        raise _wrong("prompt", "What draws for this model has no input that takes a prompt.")
    found: dict[str, Any] = {taken["prompt"].id: literal(wish.prompt)}
    if wish.negative is not None and "negative" in taken:
        found[taken["negative"].id] = literal(wish.negative)
    if wish.size is not None:
        found |= _size(taken, *wish.size)
    if wish.seed is not None and "seed" in taken:
        found[taken["seed"].id] = wish.seed
    if wish.quality is not None and wish.quality in _options(taken.get("quality")):
        found[taken["quality"].id] = wish.quality
    found |= _pictures(manifest.inputs, taken, wish)
    together = taken.get("n")
    if together is None or not _allows(together, wish.n):
        return found, wish.n
    return {**found, together.id: wish.n}, 1


def literal(text: str) -> str:
    """``text`` written so that a preset takes it as it is."""
    return questions.literal(wildcards.literal(text))


def _size(taken: Mapping[str, Input], width: int, height: int) -> dict[str, Any]:
    if "size" in taken:
        return {taken["size"].id: {"width": width, "height": height}}
    sides = {"width": width, "height": height}
    return {taken[role].id: side for role, side in sides.items() if role in taken}


def _pictures(inputs: Iterable[Input], taken: Mapping[str, Input], wish: Wish) -> dict[str, Any]:
    files = [{"asset": one} for one in wish.images]
    found: dict[str, Any] = {}
    if files:
        first = taken.get("image")
        if first is None:
            raise _wrong("image", "What draws for this model takes no picture.")
        places = [first, *(e for e in inputs if e.type is InputType.IMAGE and e is not first)]
        if first.multiple:
            found[first.id] = files
        elif len(files) > len(places):
            raise _wrong("image", f"What draws for this model takes {len(places)} at most.")
        else:
            found |= {each.id: file for each, file in zip(places, files, strict=False)}
    if wish.mask is not None:
        if "mask" not in taken:
            raise _wrong("mask", "What draws for this model takes no mask.")
        found[taken["mask"].id] = {"asset": wish.mask}
    return found


def _allows(each: Input, n: int) -> bool:
    return (each.least is None or each.least <= n) and each.most is not None and n <= each.most


def _options(each: Input | None) -> Sequence[Any]:
    return () if each is None else each.options


def _wrong(field: str, message: str) -> Unprocessable:
    return Unprocessable(message, details={"field": field[:40]})
