"""The folders an engine reads and writes, and the names it gives to files in them."""

from __future__ import annotations

import mimetypes
import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

_MODEL_SUFFIXES = frozenset(
    {".ckpt", ".pt", ".pt2", ".bin", ".pth", ".safetensors", ".pkl", ".sft"}
)
_MARKS = {"[output]": "output", "[input]": "input", "[temp]": "temp"}


@dataclass(frozen=True)
class SaveLocation:
    """Where the next picture of a prefix goes: ``<folder>/<name>_<counter>_.<suffix>``."""

    folder: Path
    name: str
    counter: int
    subfolder: str

    def filename(self, suffix: str, *, offset: int = 0, batch: int = 0) -> str:
        """Return the file name of the picture that is ``offset`` after the first one."""
        name = self.name.replace("%batch_num%", str(batch))
        return f"{name}_{self.counter + offset:05}_.{suffix}"


@dataclass(frozen=True)
class Folders:
    """The four folders of an engine, as absolute paths, and those of models, by their type."""

    input: Path
    output: Path
    temp: Path
    user: Path
    models: Mapping[str, tuple[Path, ...]] = field(default_factory=dict)

    def prepare(self) -> None:
        """Make the folders and empty the temporary one, which lives as long as the process."""
        if self.temp.is_dir():
            shutil.rmtree(self.temp)
        for folder in (self.input, self.output, self.temp):
            folder.mkdir(parents=True, exist_ok=True)

    def model_files(self, kind: str) -> list[str]:
        """Return the names of the model files of a type, as they are at this moment."""
        return sorted(
            {
                str(path.relative_to(folder))
                for folder in self.models.get(kind, ())
                for path in folder.rglob("*")
                if path.suffix.lower() in _MODEL_SUFFIXES and path.is_file()
            }
        )

    def by_type(self, kind: str) -> Path | None:
        """Return the folder that a ``type`` in a file reference names."""
        return {"input": self.input, "output": self.output, "temp": self.temp}.get(kind)

    def split_mark(self, name: str) -> tuple[str, Path | None]:
        """Split ``name [output]`` into the name and the folder its mark says, if it has one."""
        for mark, kind in _MARKS.items():
            if name.endswith(mark):
                return name[: -len(mark) - 1], self.by_type(kind)
        return name, None

    def locate(self, name: str) -> Path:
        """Return the path of an input file, whose name may carry a mark such as ``[output]``.

        Raises ValueError when the path would leave its folder.
        """
        bare, folder = self.split_mark(name)
        base = folder or self.input
        path = base / bare
        if not is_within(base, path):
            raise ValueError(f"Invalid file path: {bare!r}")
        return path

    def holds(self, name: str) -> bool:
        """Say whether that input file exists, without looking outside the folders."""
        bare, folder = self.split_mark(name)
        base = folder or self.input
        path = base / bare
        return is_within(base, path) and path.exists()

    def input_images(self) -> list[str]:
        """Return the sorted names of the pictures directly in the input folder."""
        return sorted(
            path.name for path in self.input.iterdir() if path.is_file() and _is_image(path.name)
        )

    def save_location(self, kind: str, prefix: str, width: int, height: int) -> SaveLocation:
        """Choose where pictures of ``width`` by ``height`` with that prefix are saved.

        Raises ValueError when the prefix leads outside the folder.
        """
        base = self.by_type(kind)
        assert base is not None
        normal = _normalize(_fill(prefix, width, height))
        subfolder = "" if str(normal.parent) == "." else str(normal.parent)
        folder = base / subfolder
        if not is_within(base, folder):
            raise ValueError(f"Saving outside the {kind} folder is not allowed: {prefix!r}")
        folder.mkdir(parents=True, exist_ok=True)
        name = normal.name or "."
        return SaveLocation(folder, name, _highest(folder, name) + 1, subfolder)


def is_within(folder: Path, path: Path) -> bool:
    """Say whether ``path``, with links followed, lies inside ``folder``."""
    try:
        return path.resolve().is_relative_to(folder.resolve())
    except (ValueError, OSError):
        return False


def _is_image(name: str) -> bool:
    kind = mimetypes.guess_type(name)[0] or ""
    return kind.startswith("image/") or name.lower().endswith(".webp")


def _normalize(prefix: str) -> PurePosixPath:
    parts: list[str] = []
    for part in PurePosixPath(prefix).parts:
        if part == ".." and parts and parts[-1] not in ("..", "/"):
            parts.pop()
        else:
            parts.append(part)
    return PurePosixPath(*parts)


def _fill(prefix: str, width: int, height: int) -> str:
    if "%" not in prefix:
        return prefix
    now = time.localtime()
    values = {
        "width": str(width),
        "height": str(height),
        "year": str(now.tm_year),
        "month": f"{now.tm_mon:02}",
        "day": f"{now.tm_mday:02}",
        "hour": f"{now.tm_hour:02}",
        "minute": f"{now.tm_min:02}",
        "second": f"{now.tm_sec:02}",
    }
    for name, value in values.items():
        prefix = prefix.replace(f"%{name}%", value)
    return prefix


def _highest(folder: Path, name: str) -> int:
    start = f"{name}_"
    highest = 0
    for path in folder.iterdir():
        if path.name.startswith(start):
            digits = path.name[len(start) :].split(".")[0].split("_")[0]
            highest = max(highest, int(digits) if digits.isdigit() else 0)
    return highest
