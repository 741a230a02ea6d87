"""Which of ComfyUI's own flags may be chosen in Studio, and the file that remembers the choice.

Only flags that change how fast, how precisely and with how much memory it works. None that says
where it listens, which folders it uses, what it downloads or who may reach it: those are
bootstrap's, or the environment's (``COMFYUI_FLAGS``).
"""

from __future__ import annotations

import json
import math
import os
import stat
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from boot.plan import ChildPlan

FILE_NAME: Final = "engine_flags.json"
"""In ``STUDIO_DIR``: the flags of each engine by its name. Studio writes it."""
MAX_WORDS: Final = 64
_MAX_BYTES: Final = 65_536


class FlagsRefused(ValueError):
    """Flags that an engine may not be started with; the message says which and why."""


@dataclass(frozen=True)
class Flag:
    """One flag.

    Attributes:
        help: what it does, in a few words.
        choices: the words of which one may follow.
        least, most: the range of the numbers that may follow; None when no number may.
        whole: they are whole numbers.
        values: how many words may follow, from 0 or 1 to this many.
        optional: it may also stand alone.
        group: of the flags of one group only one may be given.
    """

    help: str
    choices: tuple[str, ...] = ()
    least: float | None = None
    most: float | None = None
    whole: bool = False
    values: int = 0
    optional: bool = False
    group: str = ""


def _choice(text: str, *choices: str, optional: bool = False, values: int = 1) -> Flag:
    return Flag(text, choices=choices, values=values, optional=optional)


def _number(
    text: str,
    least: float,
    most: float,
    *,
    group: str = "",
    values: int = 1,
    optional: bool = False,
) -> Flag:
    return Flag(text, least=least, most=most, values=values, optional=optional, group=group)


def _whole(text: str, least: int, most: int, *, group: str = "", optional: bool = False) -> Flag:
    return Flag(text, least=least, most=most, whole=True, values=1, optional=optional, group=group)


COMFYUI: Final[Mapping[str, Flag]] = {
    # memory
    "--gpu-only": Flag("keep everything on the GPU, text encoders too", group="memory"),
    "--highvram": Flag("keep models on the GPU after use", group="memory"),
    "--lowvram": Flag("for GPUs with little memory", group="memory"),
    "--novram": Flag("when --lowvram is not enough", group="memory"),
    "--cpu": Flag("use no GPU at all", group="memory"),
    "--reserve-vram": _number("GB of GPU memory left to others", 0, 1024),
    "--vram-headroom": _number("GB of GPU memory that always stay free", 0, 1024),
    "--async-offload": _whole(
        "move weights beside the work, in so many streams", 1, 16, optional=True
    ),
    "--disable-async-offload": Flag("move no weights beside the work"),
    "--enable-dynamic-vram": Flag("load models piece by piece", group="dynamic memory"),
    "--disable-dynamic-vram": Flag("estimate the memory of whole models", group="dynamic memory"),
    "--disable-smart-memory": Flag("unload models to RAM after each use"),
    "--disable-pinned-memory": Flag("pin no memory"),
    "--fast-disk": Flag("prefer the disk to RAM for what is offloaded"),
    "--mmap-torch-files": Flag("map .ckpt and .pt files into memory"),
    "--disable-mmap": Flag("read .safetensors without mapping them"),
    # caches of node results
    "--cache-classic": Flag("keep the results of the last run", group="cache"),
    "--cache-lru": _whole("keep so many results", 0, 100_000, group="cache"),
    "--cache-none": Flag("keep no results", group="cache"),
    "--cache-ram": _number(
        "keep results while so many GB of RAM are free",
        0,
        4096,
        group="cache",
        values=2,
        optional=True,
    ),
    # precision
    "--force-fp32": Flag("compute in 32 bits", group="precision"),
    "--force-fp16": Flag("compute in 16 bits", group="precision"),
    "--fp32-unet": Flag("diffusion models in 32 bits", group="diffusion models"),
    "--fp64-unet": Flag("diffusion models in 64 bits", group="diffusion models"),
    "--bf16-unet": Flag("diffusion models in bfloat16", group="diffusion models"),
    "--fp16-unet": Flag("diffusion models in 16 bits", group="diffusion models"),
    "--fp8_e4m3fn-unet": Flag("diffusion models in 8 bits (e4m3fn)", group="diffusion models"),
    "--fp8_e5m2-unet": Flag("diffusion models in 8 bits (e5m2)", group="diffusion models"),
    "--fp16-vae": Flag("VAE in 16 bits; may give black pictures", group="VAE"),
    "--fp32-vae": Flag("VAE in 32 bits", group="VAE"),
    "--bf16-vae": Flag("VAE in bfloat16", group="VAE"),
    "--cpu-vae": Flag("VAE on the CPU"),
    "--fp8_e4m3fn-text-enc": Flag("text encoders in 8 bits (e4m3fn)", group="text encoders"),
    "--fp8_e5m2-text-enc": Flag("text encoders in 8 bits (e5m2)", group="text encoders"),
    "--fp16-text-enc": Flag("text encoders in 16 bits", group="text encoders"),
    "--fp32-text-enc": Flag("text encoders in 32 bits", group="text encoders"),
    "--bf16-text-enc": Flag("text encoders in bfloat16", group="text encoders"),
    "--force-upcast-attention": Flag(
        "attention in 32 bits, against black pictures", group="upcast"
    ),
    "--dont-upcast-attention": Flag("never widen attention", group="upcast"),
    "--force-channels-last": Flag("channels last in memory"),
    "--supports-fp8-compute": Flag("act as if the device computes in 8 bits"),
    # attention and speed
    "--use-split-cross-attention": Flag("attention in parts", group="attention"),
    "--use-quad-cross-attention": Flag("attention below quadratic memory", group="attention"),
    "--use-pytorch-cross-attention": Flag("PyTorch's attention", group="attention"),
    "--use-sage-attention": Flag("SageAttention, if it is installed", group="attention"),
    "--use-flash-attention": Flag("FlashAttention, if it is installed", group="attention"),
    "--disable-xformers": Flag("without xFormers"),
    "--cuda-malloc": Flag("allocate asynchronously", group="allocation"),
    "--disable-cuda-malloc": Flag("do not allocate asynchronously", group="allocation"),
    "--fast": _choice(
        "quicker, perhaps less exact: everything, or what is named",
        "fp16_accumulation",
        "fp8_matrix_mult",
        "cublas_ops",
        "autotune",
        optional=True,
        values=4,
    ),
    "--deterministic": Flag("slower operations that repeat exactly, where there are some"),
    "--default-device": _whole("the device to begin with", 0, 63),
    # what is shown and loaded
    "--preview-method": _choice("how previews are made", "none", "auto", "latent2rgb", "taesd"),
    "--preview-size": _whole("pixels of a preview's longer side", 64, 2048),
    "--disable-metadata": Flag("write no graph into pictures"),
    "--disable-all-custom-nodes": Flag("load no custom nodes"),
    "--disable-api-nodes": Flag("load no nodes that cost money"),
    "--verbose": _choice("how much is logged", "DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"),
}
"""ComfyUI's flags that Studio may set, by name."""

ALLOWED: Final[Mapping[str, Mapping[str, Flag]]] = {"comfyui": COMFYUI}
"""For each kind of engine its flags; the embedded engine has none."""


def check(words: Sequence[str], allowed: Mapping[str, Flag]) -> tuple[str, ...]:
    """The words, if an engine may be started with them.

    Args:
        words: flags and their values as a shell would split them; ``--flag=value`` counts as two.

    Raises:
        FlagsRefused: an unknown flag, a wrong value, or two flags of which one excludes the other.
    """
    if len(words) > MAX_WORDS:
        raise FlagsRefused(f"At most {MAX_WORDS} words are possible.")
    checked: list[str] = []
    groups: dict[str, str] = {}
    for name, values in _flags(words):
        flag = allowed.get(name)
        if flag is None:
            raise FlagsRefused(f"{name[:60]!r} is not a flag that can be set here.")
        if name in checked:
            raise FlagsRefused(f"{name} is given twice.")
        if flag.group and groups.setdefault(flag.group, name) != name:
            raise FlagsRefused(f"{name} and {groups[flag.group]} exclude each other.")
        _check_values(name, flag, values)
        checked += (name, *values)
    return tuple(checked)


def _flags(words: Sequence[str]) -> Iterator[tuple[str, list[str]]]:
    """Each flag with the words that follow it."""
    name, values = "", list[str]()
    for word in words:
        if word.startswith("--"):
            if name:
                yield name, values
            name, equals, value = word.partition("=")
            values = [value] if equals else []
        elif name:
            values.append(word)
        else:
            raise FlagsRefused(f"{word[:60]!r} does not follow a flag.")
    if name:
        yield name, values


def _check_values(name: str, flag: Flag, values: Sequence[str]) -> None:
    fewest = 0 if flag.optional else min(flag.values, 1)
    if not fewest <= len(values) <= flag.values:
        takes = f"{fewest} to {flag.values}" if fewest < flag.values else str(flag.values)
        raise FlagsRefused(f"{name} takes {takes} values, not {len(values)}.")
    for value in values:
        if flag.choices and value not in flag.choices:
            raise FlagsRefused(f"{name} takes one of {', '.join(flag.choices)}.")
        if flag.least is not None and flag.most is not None:
            number = _number_in(value, whole=flag.whole)
            if number is None or not flag.least <= number <= flag.most:
                kind = "a whole number" if flag.whole else "a number"
                raise FlagsRefused(f"{name} takes {kind} from {flag.least:g} to {flag.most:g}.")


def _number_in(word: str, *, whole: bool) -> float | None:
    try:
        number = int(word) if whole else float(word)
    except ValueError:
        return None
    return number if math.isfinite(number) and word.isascii() and "_" not in word else None


def flags_of(plan: ChildPlan, log: Callable[[str], None]) -> tuple[str, ...]:
    """What follows the command line now; flags that cannot be used keep no engine down."""
    if plan.flags_file is None:
        return plan.flags
    try:
        return read_flags(plan.flags_file, plan.name, ALLOWED.get(plan.kind, {}))
    except FlagsRefused as refused:
        log(f"{plan.name} starts without its stored flags: {refused}")
        return ()


def read_flags(file: Path, name: str, allowed: Mapping[str, Flag]) -> tuple[str, ...]:
    """The flags that ``file`` has for the engine ``name``; none when there is no such file.

    In the image this runs as root over a file of Studio's, so no link is followed and every word is
    checked again.

    Raises:
        FlagsRefused: what stands there cannot be used.
    """
    try:
        handle = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return ()
    except OSError as error:
        raise FlagsRefused(f"{file.name} cannot be read: {error.strerror}.") from None
    try:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise FlagsRefused(f"{file.name} is not a plain file.")
        data = os.read(handle, _MAX_BYTES + 1)
    finally:
        os.close(handle)
    try:
        kept = json.loads(data) if len(data) <= _MAX_BYTES else None
    except (ValueError, RecursionError):
        kept = None
    words = kept.get(name, []) if isinstance(kept, dict) else None
    if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
        raise FlagsRefused(f"{file.name} does not hold lists of flags by engine.")
    return check(words, allowed)
