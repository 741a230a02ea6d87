"""Resolve what the image is made of: ``scripts/lock-image [--update-nodes]``.

Writes ``nodes.lock`` (a commit and the hash of the requirements for each node pack) and
``image/locks/*.lock`` (every Python package with its hashes). Needs git, uv, and the package index.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from image.install_nodes import VARIANTS, LockError, Pack, chosen, read_lock

ROOT = Path(__file__).resolve().parent.parent
LOCKS = ROOT / "image" / "locks"
PLATFORM = ("--python-version", "3.12", "--python-platform", "x86_64-manylinux_2_28")
"""What the image runs on."""

_HEADER = """\
# Node packs of the image: `scripts/lock-image --update-nodes` writes the newest commits here.
# minimal has none, standard the popular ones, full every pack of the list that still exists.
# ComfyUI-Manager and ComfyUI-Login are left out on purpose: Studio installs packs itself, and
# nobody but Studio reaches ComfyUI.
"""


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="scripts/lock-image", description=__doc__)
    parser.add_argument(
        "--update-nodes", action="store_true", help="take each pack's newest commit"
    )
    options = parser.parse_args(arguments)
    try:
        lock(update_nodes=options.update_nodes)
    except LockError as error:
        print(f"lock-image: {error}", file=sys.stderr)
        return 1
    return 0


def lock(*, update_nodes: bool) -> None:
    """Write every lock.

    Raises:
        LockError: something cannot be fetched or resolved.
    """
    for name in ("uv", "llama-build", "llama", "torch"):
        compile_lock(name, [LOCKS / f"{name}.in"])
    packs = read_lock(ROOT / "nodes.lock")
    with tempfile.TemporaryDirectory() as work:
        folder = Path(work)
        comfyui = folder / "comfyui.txt"
        comfyui.write_bytes(comfyui_requirements(folder))
        resolved = tuple(
            resolve(pack, folder / pack.name, update=update_nodes or not pack.commit)
            for pack in packs
        )
        (ROOT / "nodes.lock").write_text(render(resolved), encoding="utf-8")
        for variant in VARIANTS:
            compile_variant(variant, resolved, comfyui, folder)


def compile_variant(variant: str, packs: tuple[Pack, ...], comfyui: Path, folder: Path) -> None:
    """ComfyUI's packages with those of the variant's packs."""
    sources = [comfyui, LOCKS / "comfyui.in"]
    options: list[str | Path] = ["--constraints", LOCKS / "torch.lock"]
    wanted = chosen(packs, variant)
    if wanted:
        sources += [LOCKS / "nodes.in"]
        sources += [folder / f"{pack.name}.txt" for pack in wanted if pack.requirements]
        options += ["--overrides", LOCKS / "overrides.in"]
    compile_lock(f"comfyui-{variant}", sources, options)


def compile_lock(name: str, sources: Iterable[Path], options: Iterable[str | Path] = ()) -> None:
    """Have uv resolve ``sources`` into ``image/locks/<name>.lock``."""
    _run(
        "uv", "pip", "compile", "--quiet", "--no-config", *PLATFORM,
        "--generate-hashes", "--no-header", "--no-annotate", "--no-emit-index-url",
        "--output-file", LOCKS / f"{name}.lock", *options, *sources,
    )  # fmt: skip


def comfyui_requirements(folder: Path) -> bytes:
    """The list of the ComfyUI that the Dockerfile names."""
    dockerfile = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    found = dict(re.findall(r"^ARG (COMFYUI_REPO|COMFYUI_REF)=(\S+)$", dockerfile, re.MULTILINE))
    repository = folder / "comfyui"
    _fetch(found["COMFYUI_REPO"], found["COMFYUI_REF"], repository)
    return _show(repository, "requirements.txt")


def resolve(pack: Pack, repository: Path, *, update: bool) -> Pack:
    """The pack with its commit and hash; its requirements are left beside ``repository``."""
    commit = (
        _run("git", "ls-remote", pack.url, "HEAD").split()[0].decode() if update else pack.commit
    )
    _fetch(pack.url, commit, repository)
    if not pack.requirements:
        return replace(pack, commit=commit)
    text = _show(repository, pack.requirements)
    repository.with_name(f"{pack.name}.txt").write_bytes(_of_the_index(text))
    digest = hashlib.sha256(text).hexdigest()
    return replace(pack, commit=commit, requirements_sha256=digest)


def _of_the_index(text: bytes) -> bytes:
    """Without what comes from a repository and not from the index: it has no hash to hold on to."""
    lines = text.decode("utf-8", "replace").splitlines()
    return "\n".join(line for line in lines if "git+" not in line).encode()


def render(packs: Iterable[Pack]) -> str:
    """The text of ``nodes.lock``."""
    parts = [_HEADER]
    for pack in packs:
        lines = ["", "[[pack]]", f'name = "{pack.name}"', f'url = "{pack.url}"']
        lines.append(f'commit = "{pack.commit}"')
        if pack.requirements:
            lines.append(f'requirements = "{pack.requirements}"')
            lines.append(f'requirements_sha256 = "{pack.requirements_sha256}"')
        variants = ", ".join(f'"{variant}"' for variant in pack.variants)
        parts.append("\n".join([*lines, f"variants = [{variants}]", ""]))
    return "".join(parts)


def _fetch(url: str, ref: str, repository: Path) -> None:
    # Files come when they are asked for: one of each repository is.
    _run("git", "init", "--quiet", "--bare", repository)
    _run("git", "-C", repository, "remote", "add", "origin", url)
    _run(
        "git", "-C", repository, "fetch", "--quiet", "--depth", "1", "--filter", "blob:none",
        "origin", ref,
    )  # fmt: skip


def _show(repository: Path, path: str) -> bytes:
    return _run("git", "-C", repository, "show", f"FETCH_HEAD:{path}")


def _run(*command: str | Path) -> bytes:
    environ = {**os.environ, "GIT_TERMINAL_PROMPT": "0"}
    done = subprocess.run(command, env=environ, capture_output=True, check=False)
    if done.returncode != 0:
        said = done.stderr.decode("utf-8", "replace").strip()[-2000:]
        raise LockError(f"{' '.join(map(str, command[:3]))}: {said}")
    return done.stdout


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
