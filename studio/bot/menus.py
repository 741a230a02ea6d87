"""Lists of presets as buttons, page by page, and what is chosen from them."""

from __future__ import annotations

from typing import Final

from studio.bot.plans import open_plan
from studio.bot.talk import Talk
from studio.errors import StudioError
from studio.graphs.problems import clip
from studio.services.presets import PresetService
from studio.services.workflow_library import WorkflowLibrary
from studio.store.presets import Preset, PresetFilter
from studio.telegram_records import Button

PER_PAGE: Final = 8
MOST: Final = 200
"""Presets that are looked through for those that take a file."""
_LABEL: Final = 48


class Menus:
    """What a person may run, as the person sees it in Studio: their own and shared ones."""

    def __init__(self, *, presets: PresetService, library: WorkflowLibrary) -> None:
        self._presets = presets
        self._library = library

    async def all(self, talk: Talk, page: int, choice: str = "p") -> None:
        """A page of presets. ``choice``: what pressing one means, ``p`` to run, ``d`` to make it
        the default."""
        found, total = await self._presets.page(
            talk.identity, PresetFilter(start=page * PER_PAGE, limit=PER_PAGE)
        )
        if not total:
            talk.show(talk.word("no_presets"))
            return
        title = talk.word("choose_preset" if choice == "p" else "choose_default")
        self._show(talk, title, [view.preset for view in found], page, total, choice)

    async def taking(self, talk: Talk, page: int, content_type: str) -> None:
        """A page of the presets that take a file of that kind."""
        found, _ = await self._presets.page(talk.identity, PresetFilter(limit=MOST))
        fitting = []
        for view in found:
            try:
                plan = await open_plan(
                    self._presets, self._library, talk.identity, view.preset.id, {}
                )
            except StudioError:
                # Whoever chose it would be told why it cannot run; here it is only left out.
                continue
            if plan.file_input(content_type) is not None:
                fitting.append(view.preset)
        if not fitting:
            talk.end()
            talk.show(talk.word("no_input_presets"))
            return
        shown = fitting[page * PER_PAGE : (page + 1) * PER_PAGE]
        self._show(talk, talk.word("choose_input_preset"), shown, page, len(fitting), "u")

    def _show(
        self, talk: Talk, title: str, presets: list[Preset], page: int, total: int, choice: str
    ) -> None:
        pages = -(-total // PER_PAGE)
        lines: list[tuple[Button, ...]] = [
            (Button(clip(each.name, _LABEL), f"{choice}:{each.id}"),) for each in presets
        ]
        turning = []
        if page > 0:
            turning.append(Button("◀", f"{choice}p:{page - 1}"))
        if page + 1 < pages:
            turning.append(Button("▶", f"{choice}p:{page + 1}"))
        if turning:
            title = f"{title}\n{talk.word('page', page=page + 1, pages=pages)}"
            lines.append(tuple(turning))
        talk.show(title, tuple(lines))
