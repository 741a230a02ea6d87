"""The way of one dialogue: from a preset through its questions to an order."""

from __future__ import annotations

import json
import secrets
from typing import Final

from studio.bot.orders import Orders
from studio.bot.plans import INPUT, QUESTION, Plan, Step, file_value, open_plan, read_answer
from studio.bot.talk import Dialogue, Talk
from studio.bot.uploads import Uploads
from studio.errors import NotFound
from studio.graphs.manifests.manifest import InputType
from studio.graphs.problems import clip
from studio.graphs.seeds import MAX_SEED
from studio.services.assets import AssetService
from studio.services.presets import PresetService
from studio.services.workflow_library import WorkflowLibrary
from studio.telegram_records import Button, Incoming

COUNTS: Final = (1, 2, 4)
SEED: Final = "seed"
_LABEL: Final = 48
_SHOWN: Final = 200
_BUTTONS: Final = 60
_DIGITS: Final = 40


class Questions:
    """Asks what a preset needs, takes the answers, and orders."""

    def __init__(
        self,
        *,
        presets: PresetService,
        library: WorkflowLibrary,
        assets: AssetService,
        uploads: Uploads,
        orders: Orders,
    ) -> None:
        self._presets = presets
        self._library = library
        self._assets = assets
        self._uploads = uploads
        self._orders = orders

    # -- beginnings ------------------------------------------------------------------------------

    async def begin(self, talk: Talk, preset_id: str, *, asset_id: str | None = None) -> None:
        """Ask the questions of a preset, with a file for it if there is one."""
        dialogue = Dialogue(key=secrets.token_hex(3), preset_id=preset_id)
        if asset_id is not None:
            plan = await self._plan(talk, dialogue)
            asset = await self._assets.get(talk.identity, asset_id)
            each = plan.file_input(asset.content_type)
            if each is None:
                talk.end()
                talk.show(talk.word("file_unwanted"))
                return
            dialogue.values[each.id] = file_value(each, [asset_id])
        await self._go_on(talk, dialogue)

    async def prompt(self, talk: Talk) -> None:
        """A message by itself: the default preset makes something of its words and file."""
        incoming = talk.incoming
        if talk.dialogue is not None and _is_rest(incoming, talk.dialogue):
            return
        if talk.person.default_preset is None:
            talk.say(talk.word("no_default"))
            return
        dialogue = Dialogue(
            key=secrets.token_hex(3), preset_id=talk.person.default_preset, direct=True
        )
        try:
            plan = await self._plan(talk, dialogue)
        except NotFound:
            talk.say(talk.word("preset_gone"))
            return
        if incoming.files:
            asset = await self._uploads.take(talk, incoming.files[0])
            if asset is None:
                return
            each = plan.file_input(asset.content_type)
            if each is None:
                talk.say(talk.word("file_unwanted"))
                return
            step = plan.step(f"{INPUT}:{each.id}")
            if each.multiple and incoming.album is not None and step is not None:
                if incoming.text:
                    plan.put_prompt(dialogue, incoming.text)
                dialogue.asking = step.id
                self._collect(talk, dialogue, asset.id)
                return
            dialogue.values[each.id] = file_value(each, [asset.id])
            dialogue.album = incoming.album
        if incoming.text and not plan.put_prompt(dialogue, incoming.text):
            talk.say(talk.word("file_expected"))
        await self._go_on(talk, dialogue)

    # -- answers ---------------------------------------------------------------------------------

    async def message(self, talk: Talk, dialogue: Dialogue) -> None:
        """A message in the midst of it."""
        incoming = talk.incoming
        if _is_rest(incoming, dialogue):
            return
        plan = await self._plan(talk, dialogue)
        if dialogue.asking == SEED:
            self._read_seed(talk, dialogue, plan)
            return
        step = plan.step(dialogue.asking)
        if step is None:
            self._summarise(talk, dialogue, plan)
        elif step.file:
            await self._take_file(talk, dialogue, step)
        elif not incoming.text:
            talk.say(talk.word("text_expected"))
        else:
            value = read_answer(step, incoming.text)
            if value is None:
                talk.say(talk.word("choice_expected" if step.options else "value_wrong"))
            else:
                await self._answer(talk, dialogue, step, value)

    async def button(self, talk: Talk, dialogue: Dialogue, kind: str, rest: str) -> None:
        """A button of this dialogue."""
        plan = await self._plan(talk, dialogue)
        step = plan.step(dialogue.asking)
        if kind == "o" and step is not None:
            options = _options(talk, step)
            if rest.isdecimal() and int(rest) < len(options):
                await self._answer(talk, dialogue, step, options[int(rest)][1])
        elif kind == "e" and step is not None and step.default is not None:
            await self._answer(talk, dialogue, step, step.default)
        elif kind == "f" and step is not None and step.input is not None and dialogue.files:
            await self._answer(talk, dialogue, step, file_value(step.input, dialogue.files))
        elif kind == "c":
            at = COUNTS.index(dialogue.count) if dialogue.count in COUNTS else -1
            dialogue.count = COUNTS[(at + 1) % len(COUNTS)]
            self._summarise(talk, dialogue, plan)
        elif kind == "s":
            dialogue.asking = SEED
            talk.keep(dialogue)
            line = (Button(talk.word("seed_random"), f"n:{dialogue.key}"),)
            talk.show(talk.word("seed_ask"), (line, talk.cancel_button(dialogue)))
        elif kind == "n":
            dialogue.asking, dialogue.seed = None, secrets.randbelow(MAX_SEED)
            self._summarise(talk, dialogue, plan)
        elif kind == "r" and plan.missing(dialogue) is None:
            await self._orders.place(talk, plan, dialogue)

    async def _take_file(self, talk: Talk, dialogue: Dialogue, step: Step) -> None:
        each, incoming = step.input, talk.incoming
        assert each is not None
        if not incoming.files:
            talk.say(talk.word("file_expected"))
            return
        asset = await self._uploads.take(talk, incoming.files[0], each)
        if asset is None:
            return
        if not each.multiple:
            dialogue.album = incoming.album
            await self._answer(talk, dialogue, step, file_value(each, [asset.id]))
            return
        self._collect(talk, dialogue, asset.id)

    def _collect(self, talk: Talk, dialogue: Dialogue, asset_id: str) -> None:
        """One of several files; those of an album are spoken of once."""
        album = talk.incoming.album
        is_told = album is not None and album == dialogue.collecting
        dialogue.files.append(asset_id)
        dialogue.collecting = album
        talk.keep(dialogue)
        if is_told:
            return
        done = (Button(talk.word("files_done"), f"f:{dialogue.key}"),)
        text = talk.word("files_here", count=len(dialogue.files))
        if album is not None:
            text = talk.word("files_album")
        talk.say(text, (done, talk.cancel_button(dialogue)))

    async def _answer(self, talk: Talk, dialogue: Dialogue, step: Step, value: object) -> None:
        kind, _, name = step.id.partition(":")
        if kind == QUESTION:
            dialogue.answers[name] = str(value)
        else:
            dialogue.values[name] = value
        dialogue.asking, dialogue.files = None, []
        if dialogue.collecting is not None:
            # What is late of it is too late.
            dialogue.album, dialogue.collecting = dialogue.collecting, None
        await self._go_on(talk, dialogue)

    def _read_seed(self, talk: Talk, dialogue: Dialogue, plan: Plan) -> None:
        text = talk.incoming.text.strip()
        # Its length first: reading thousands of digits is an error of its own.
        if not text.isdecimal() or not text.isascii() or len(text) > _DIGITS:
            talk.say(talk.word("value_wrong"))
            return
        seed = int(text)
        if seed > MAX_SEED:
            talk.say(talk.word("value_wrong"))
            return
        dialogue.asking, dialogue.seed = None, seed
        self._summarise(talk, dialogue, plan)

    # -- on --------------------------------------------------------------------------------------

    async def _plan(self, talk: Talk, dialogue: Dialogue) -> Plan:
        return await open_plan(
            self._presets, self._library, talk.identity, dialogue.preset_id, dialogue.values
        )

    async def _go_on(self, talk: Talk, dialogue: Dialogue) -> None:
        """Ask what is missing; when nothing is, show what would run, or run it."""
        plan = await self._plan(talk, dialogue)
        step = plan.missing(dialogue)
        if step is not None:
            self._ask(talk, dialogue, step)
        elif dialogue.direct:
            await self._orders.place(talk, plan, dialogue)
        else:
            self._summarise(talk, dialogue, plan)

    def _ask(self, talk: Talk, dialogue: Dialogue, step: Step) -> None:
        if not step.askable:
            talk.end()
            talk.show(talk.word("needs_studio", name=step.text))
            return
        dialogue.asking = step.id
        talk.keep(dialogue)
        lines: list[tuple[Button, ...]] = [
            (Button(clip(label, _LABEL), f"o:{dialogue.key}:{at}"),)
            for at, (label, _) in enumerate(_options(talk, step)[:_BUTTONS])
        ]
        if step.default is not None and not step.options:
            text = talk.word("default_answer", value=clip(step.default, _LABEL))
            lines.append((Button(text, f"e:{dialogue.key}"),))
        lines.append(talk.cancel_button(dialogue))
        talk.show(_asked(talk, step), tuple(lines))

    def _summarise(self, talk: Talk, dialogue: Dialogue, plan: Plan) -> None:
        """What would run, and the button that runs it."""
        dialogue.asking = None
        talk.keep(dialogue)
        lines = [plan.preset.name, ""]
        for step in plan.steps:
            kind, _, name = step.id.partition(":")
            given = dialogue.answers.get(name) if kind == QUESTION else dialogue.values.get(name)
            if given is None:
                given = step.default
            shown = "✓" if step.file else json.dumps(given, ensure_ascii=False).strip('"')
            lines.append(f"{clip(step.text, _SHOWN)}: {clip(shown, _SHOWN)}")
        lines.append(talk.word("summary_times", count=dialogue.count))
        key = dialogue.key
        settings = [Button(talk.word("summary_times", count=dialogue.count), f"c:{key}")]
        if plan.seeds(every=True):
            seed: object = dialogue.seed
            if seed is None:
                seed = talk.word("seed_random" if plan.seeds(every=False) else "seed_preset")
            lines.append(talk.word("summary_seed", seed=seed))
            settings.append(Button(talk.word("summary_seed", seed=seed), f"s:{key}"))
        run = (Button(talk.word("run"), f"r:{key}"),)
        talk.show("\n".join(lines), (run, tuple(settings), talk.cancel_button(dialogue)))


def _is_rest(incoming: Incoming, dialogue: Dialogue) -> bool:
    """Whether it is one more photo of an album of which one was wanted, and taken."""
    return incoming.album is not None and incoming.album == dialogue.album


def _asked(talk: Talk, step: Step) -> str:
    if step.input is None or not step.file:
        return step.text
    kind = talk.word(f"kind_{step.input.type.value}")
    key = "ask_files" if step.input.multiple else "ask_file"
    return f"{step.text}\n{talk.word(key, what=kind)}"


def _options(talk: Talk, step: Step) -> tuple[tuple[str, object], ...]:
    if step.id.startswith(INPUT) and step.input and step.input.type is InputType.BOOLEAN:
        return ((talk.word("yes"), True), (talk.word("no"), False))
    return step.options
