"""Where node packs meet bootstrap: the worker that changes them, and what ComfyUI needs of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from boot.environment import pack_environment
from boot.packs import CHILD, WORK_FOLDER
from boot.plan import ChildPlan
from boot.settings import Settings


def node_variables(settings: Settings) -> dict[str, str]:
    """What lets ComfyUI's Python find the packages of packs; see ``engine_site/``."""
    return {
        "PYTHONPATH": str(settings.app_dir / "boot" / "engine_site"),
        "NODE_PACKS_DIR": str(settings.custom_nodes_dir),
    }


def plan_pack_worker(
    settings: Settings, children: Sequence[ChildPlan], environ: Mapping[str, str], *, python: str
) -> tuple[ChildPlan, ...]:
    """The worker beside the ComfyUI that is started here; none when there is no such engine.

    It is whom the engine is, for what it runs came with a pack. What it is to do stands in a file,
    which it judges itself: its command line is fixed.
    """
    comfy = next((child for child in children if child.kind == "comfyui"), None)
    if comfy is None:
        return ()
    argv = (
        python,
        *("-m", "boot.pack_worker"),
        *("--custom-nodes", str(settings.custom_nodes_dir)),
        *("--work", str(settings.engine_dir / WORK_FOLDER)),
        *("--python", comfy.argv[0]),
    )
    return (
        ChildPlan(
            name=CHILD,
            kind="packs",
            argv=argv,
            cwd=settings.app_dir,
            env=pack_environment(environ, comfy.env),
            umask=comfy.umask,
            ids=comfy.ids,
            on_demand=True,
        ),
    )
