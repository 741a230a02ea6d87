"""The places where language models run: children of bootstrap that Studio has started by name."""

from __future__ import annotations

from collections.abc import Mapping

from boot.environment import engine_environment
from boot.language import SLOTS, WORK_FOLDER
from boot.plan import ChildPlan
from boot.settings import Settings


def plan_language_children(
    settings: Settings, environ: Mapping[str, str], *, python: str
) -> tuple[ChildPlan, ...]:
    """One child for each place; each is whom the engines are.

    Args:
        python: runs the worker, which becomes the server; ``LLAMA_PYTHON`` has llama.cpp.
    """
    env = engine_environment(environ, home=str(settings.engine_dir) if settings.image else None)
    return tuple(
        ChildPlan(
            name=slot,
            kind="language",
            argv=(
                python,
                *("-m", "boot.language_worker"),
                *("--slot", slot),
                *("--work", str(settings.engine_dir / WORK_FOLDER)),
                *("--models", str(settings.llm_dir)),
                *("--python", settings.llama_python or python),
            ),
            cwd=settings.app_dir,
            env=env,
            umask=0o077,
            ids=settings.engine_ids,
            on_demand=True,
        )
        for slot in SLOTS
    )
