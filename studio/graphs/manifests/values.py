"""Values as people and programs give them, checked against a manifest."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, Final

from studio.errors import InvalidValue
from studio.graphs.graph import is_number
from studio.graphs.manifests.manifest import FILE_TYPES, Input, InputType, Manifest
from studio.graphs.problems import clip
from studio.graphs.seeds import MAX_SEED

MAX_TEXT: Final = 100_000
MAX_FILES: Final = 100
MAX_LORAS: Final = 32
MAX_SCENES: Final = 100
MAX_SIDE: Final = 16_384
MAX_STRENGTH: Final = 100.0
MAX_SECONDS: Final = 3_600
LEAST_INT: Final = -(2**63)
MOST_INT: Final = 2**64 - 1
"""What JSON writers and engines count with."""
RANDOM_SEED: Final = -1
_ID_LENGTH: Final = 200

Values = dict[str, Any]


def used_values(
    manifest: Manifest, given: Mapping[str, Any], draw: Callable[[int, int], int]
) -> Values:
    """Every input's value as it will be used, in the manifest's order: checked, seeds drawn.

    An input that was not given has its default; one without either is ``None``.

    Args:
        draw: a random integer between two, both included.

    Raises:
        InvalidValue: a value does not fit, an input is unknown, or a required one is missing.
    """
    unknown = [name for name in given if manifest.input(name) is None]
    if unknown:
        raise wrong(unknown[0], f"“{clip(unknown[0], 60)}” is no input of this workflow.")
    used: Values = {}
    for each in manifest.inputs:
        value = given.get(each.id)
        if value is None:
            value = each.default
        if is_empty(value):
            if each.required:
                raise wrong(each.id, f"“{each.name}” is needed.")
            if each.type is not InputType.SEED and value is None:
                used[each.id] = None
                continue
        used[each.id] = _checked(each, value, draw)
    return used


def fits(each: Input, value: Any) -> bool:
    """Whether an input takes a value; nothing is always too little."""
    try:
        return not is_empty(value) and _checked(each, value, lambda least, _: least) is not None
    except InvalidValue:
        return False


def is_empty(value: object) -> bool:
    """Whether nothing was given; white space is nothing."""
    return value is None or value == [] or (isinstance(value, str) and not value.strip())


def wrong(input_id: str, message: str, **facts: Any) -> InvalidValue:
    """An ``InvalidValue`` that names its input."""
    return InvalidValue(message, details={"input": clip(input_id, 100), **facts})


def _checked(each: Input, value: Any, draw: Callable[[int, int], int]) -> Any:
    match each.type:
        case InputType.TEXT:
            return _text(each, value)
        case InputType.SEED:
            return _seed(each, value, draw)
        case InputType.INT | InputType.FLOAT:
            return _number(each, value)
        case InputType.BOOLEAN:
            if not isinstance(value, bool):
                raise wrong(each.id, f"“{each.name}” must be true or false.")
            return value
        case InputType.SELECT | InputType.CHECKPOINT | InputType.VAE:
            return _choice(each, value)
        case InputType.LORAS:
            return [_lora(each, item) for item in _list(each, value, MAX_LORAS)]
        case InputType.RESOLUTION:
            return _resolution(each, value)
        case InputType.SCENES:
            return [_scene(each, item, draw) for item in _list(each, value, MAX_SCENES)]
        case _:
            assert each.type in FILE_TYPES
            return _files(each, value)


def _text(each: Input, value: Any) -> str:
    if not isinstance(value, str) or len(value) > MAX_TEXT:
        raise wrong(each.id, f"“{each.name}” must be text of at most {MAX_TEXT:,} characters.")
    return value


def _seed(each: Input, value: Any, draw: Callable[[int, int], int]) -> int:
    least = int(max(0, each.least or 0))
    most = int(min(MAX_SEED, MAX_SEED if each.most is None else each.most))
    if value is None or value == RANDOM_SEED or is_empty(value):
        return draw(least, most)
    if type(value) is not int or not least <= value <= most:
        raise wrong(
            each.id, f"“{each.name}” must be a whole number from {least} to {most}, or -1 for any."
        )
    return value


def _number(each: Input, value: Any) -> int | float:
    whole = each.type is InputType.INT
    if type(value) not in (int, float) or not math.isfinite(value):
        raise wrong(each.id, f"“{each.name}” must be a number.")
    if whole and (value != int(value) or not LEAST_INT <= int(value) <= MOST_INT):
        raise wrong(each.id, f"“{each.name}” must be a whole number of at most 64 bits.")
    if each.options and value not in each.options:
        raise _not_offered(each, value)
    if each.least is not None and value < each.least:
        raise wrong(each.id, f"“{each.name}” must be at least {each.least:g}.")
    if each.most is not None and value > each.most:
        raise wrong(each.id, f"“{each.name}” must be at most {each.most:g}.")
    return int(value) if whole else float(value)


def _choice(each: Input, value: Any) -> Any:
    if type(value) not in (str, int, float, bool) or len(str(value)) > MAX_TEXT:
        raise wrong(each.id, f"“{each.name}” must be one of its options.")
    if each.options:
        for option in each.options:
            if option == value and type(option) is type(value):
                return option
        raise _not_offered(each, value)
    return value


def _not_offered(each: Input, value: Any) -> InvalidValue:
    listed = ", ".join(clip(option, 40) for option in each.options[:20])
    return wrong(
        each.id,
        f"“{each.name}” cannot be “{clip(value, 60)}”. It may be: {listed}.",
        options=list(each.options[:20]),
    )


def _list(each: Input, value: Any, most: int) -> list[Any]:
    if not isinstance(value, list) or len(value) > most:
        raise wrong(each.id, f"“{each.name}” must be a list of at most {most}.")
    return value


def _files(each: Input, value: Any) -> Any:
    if not each.multiple:
        return _file(each, value)
    most = MAX_FILES if each.most is None else min(MAX_FILES, int(each.most))
    files = [_file(each, item) for item in _list(each, value, most)]
    if each.least is not None and len(files) < each.least:
        raise wrong(each.id, f"“{each.name}” needs at least {each.least:g} files.")
    return files


def _file(each: Input, value: Any) -> dict[str, str]:
    asset_id = value.get("asset") if isinstance(value, dict) and len(value) == 1 else None
    if not isinstance(asset_id, str) or not 0 < len(asset_id) <= _ID_LENGTH:
        raise wrong(each.id, f'“{each.name}” must be a file: {{"asset": "<id>"}}.')
    return {"asset": asset_id}


def _resolution(each: Input, value: Any) -> dict[str, int]:
    if not isinstance(value, dict) or value.keys() != {"width", "height"}:
        raise wrong(each.id, f"“{each.name}” must have a width and a height.")
    least = 1 if each.least is None else each.least
    most = MAX_SIDE if each.most is None else each.most
    for side in ("width", "height"):
        if type(value[side]) is not int or not least <= value[side] <= most:
            message = f"The {side} of “{each.name}” lies between {least:g} and {most:g}."
            raise wrong(each.id, message)
    return {"width": value["width"], "height": value["height"]}


_LORA_KEYS: Final = frozenset({"file", "strength", "strength_clip", "high", "low"})


def _lora(each: Input, value: Any) -> dict[str, Any]:
    if not isinstance(value, dict) or not value.keys() <= _LORA_KEYS:
        raise wrong(each.id, f"“{each.name}” must be a list of files with strengths.")
    lora: dict[str, Any] = {"strength": _strength(each, value.get("strength", 1.0))}
    if value.get("strength_clip") is not None:
        lora["strength_clip"] = _strength(each, value["strength_clip"])
    for phase in ("high", "low"):
        half = value.get(phase)
        if half is None:
            continue
        if not isinstance(half, dict):
            half = {"strength": half}
        if not half.keys() <= {"file", "strength"}:
            raise wrong(each.id, f"The {phase} half of a pair in “{each.name}” has unknown keys.")
        lora[phase] = {"strength": _strength(each, half.get("strength", lora["strength"]))}
        if half.get("file") is not None:
            lora[phase]["file"] = _lora_file(each, half["file"])
    if value.get("file") is not None:
        lora["file"] = _lora_file(each, value["file"])
    elif not all(lora.get(phase, {}).get("file") for phase in ("high", "low")):
        raise wrong(each.id, f"Every LoRA of “{each.name}” needs a file, or a pair of them.")
    return lora


def _lora_file(each: Input, value: Any) -> str:
    if not isinstance(value, str) or not 0 < len(value) <= 1000:
        raise wrong(each.id, f"Every LoRA of “{each.name}” needs the name of a file.")
    return value


def _strength(each: Input, value: Any) -> float:
    if type(value) not in (int, float) or not abs(value) <= MAX_STRENGTH:
        raise wrong(
            each.id,
            f"Strengths of “{each.name}” lie between {-MAX_STRENGTH:g} and {MAX_STRENGTH:g}.",
        )
    return float(value)


def _scene(each: Input, value: Any, draw: Callable[[int, int], int]) -> dict[str, Any]:
    if not isinstance(value, dict) or not value.keys() <= {"prompt", "duration", "seed"}:
        raise wrong(each.id, f"“{each.name}” must be a list of scenes: prompt, duration, seed.")
    prompt, seed = value.get("prompt", ""), value.get("seed")
    duration: Any = value.get("duration")
    if not isinstance(prompt, str) or len(prompt) > MAX_TEXT:
        raise wrong(each.id, f"The prompt of a scene is text of at most {MAX_TEXT:,} characters.")
    if not is_number(duration) or not 0 < duration <= MAX_SECONDS:
        raise wrong(each.id, f"A scene takes more than 0 and at most {MAX_SECONDS:,} seconds.")
    if seed is None or seed == RANDOM_SEED:
        seed = draw(0, MAX_SEED)
    if type(seed) is not int or not 0 <= seed <= MAX_SEED:
        raise wrong(each.id, f"The seed of a scene is a whole number from 0 to {MAX_SEED}.")
    return {"prompt": prompt, "duration": duration, "seed": seed}
