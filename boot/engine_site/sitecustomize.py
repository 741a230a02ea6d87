"""Lets ComfyUI find the packages of node packs; bootstrap puts this folder on its ``PYTHONPATH``.

They come behind everything that ComfyUI's own environment has, so no pack can replace a part of it.
Python runs this once when it starts; nothing else of Studio is within reach here.
"""

import os
import site
from pathlib import Path


def _add_packages(root: str) -> None:
    try:
        packs = sorted(os.scandir(root), key=lambda entry: entry.name)
    except OSError:
        return
    for pack in packs:
        packages = Path(pack.path, ".pack", "packages")
        # Not Path.is_dir, which raises where nobody may look: the others need theirs.
        if not pack.name.endswith(".disabled") and os.path.isdir(packages):  # noqa: PTH112
            site.addsitedir(str(packages))


_add_packages(os.environ.get("NODE_PACKS_DIR", ""))
