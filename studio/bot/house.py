"""How things stand, and what a chat is set to: /status, /queue, /settings and the default."""

from __future__ import annotations

from studio.bot.progress import Progress
from studio.bot.talk import Talk
from studio.bot.words import WORDS
from studio.errors import NotFound
from studio.models import Role
from studio.services.health import HealthService
from studio.services.presets import PresetService
from studio.services.queue import JobQueue
from studio.services.queue_control import QueueControl
from studio.services.telegram_people import TelegramPeople
from studio.telegram_records import LANGUAGES, Button


class House:
    """Answers about Studio and changes what a chat is set to."""

    def __init__(
        self,
        *,
        people: TelegramPeople,
        presets: PresetService,
        progress: Progress,
        queue: JobQueue,
        control: QueueControl,
        health: HealthService,
    ) -> None:
        self._people = people
        self._presets = presets
        self._progress = progress
        self._queue = queue
        self._control = control
        self._health = health

    async def command(self, talk: Talk, command: str) -> bool:
        """Do it; ``False`` when there is no such command."""
        if command == "status":
            await self._status(talk)
        elif command == "queue":
            self._line(talk)
        elif command == "settings":
            self._settings(talk)
        else:
            return False
        return True

    async def button(self, talk: Talk, kind: str, rest: str) -> bool:
        """Change a setting; ``False`` when there is no such button."""
        if kind == "L" and rest in LANGUAGES:
            await self._change(talk, language=rest)
        elif kind == "J":
            await self._change(talk, notify_jobs=rest == "1")
        elif kind == "V" and talk.person.role == Role.OWNER:
            await self._change(talk, notify_disk=rest == "1")
        elif kind == "B":
            await self._people.remove(talk.identity, talk.person.id)
            talk.show(talk.word("unpaired"))
        else:
            return False
        return True

    async def make_default(self, talk: Talk, preset_id: str) -> None:
        """Plain messages run this preset from now on."""
        try:
            view = await self._presets.get(talk.identity, preset_id)
        except NotFound:
            talk.show(talk.word("preset_gone"))
            return
        await self._people.update(talk.identity, talk.person.id, {"default_preset": view.preset.id})
        talk.show(talk.word("default_set", preset=view.preset.name))

    async def _change(self, talk: Talk, **changes: object) -> None:
        talk.person = await self._people.update(talk.identity, talk.person.id, changes)
        self._settings(talk)

    async def _status(self, talk: Talk) -> None:
        ready, facts = self._health.ready()
        lines = [
            talk.word("status_ready")
            if ready
            else talk.word("status_not_ready", reason="; ".join(facts["reasons"]))
        ]
        lines += await self._progress.lines(talk.person) or [talk.word("status_idle")]
        talk.say("\n".join(lines))

    def _line(self, talk: Talk) -> None:
        mine = [
            live
            for live in self._queue.live.values()
            if talk.identity.sees_all or live.job.user_id == talk.person.user_id
        ]
        waiting = sum(live.waiting for live in mine)
        text = talk.word("queue", running=len(mine) - waiting, waiting=waiting)
        if self._control.paused:
            text = f"{text} {talk.word('queue_paused')}"
        talk.say(text)

    def _settings(self, talk: Talk) -> None:
        person = talk.person
        lines = [
            tuple(
                Button(WORDS[language]["language"], f"L:{language}")
                for language in LANGUAGES
                if language != person.language
            ),
            (_switch(talk, "jobs", "J", on=person.notify_jobs),),
        ]
        if person.role == Role.OWNER:
            lines.append((_switch(talk, "disk", "V", on=person.notify_disk),))
        lines.append((Button(talk.word("unpair"), "B:"),))
        talk.show(talk.word("settings"), tuple(lines))


def _switch(talk: Talk, what: str, kind: str, *, on: bool) -> Button:
    """A button that says how it is, and turns it round."""
    return Button(talk.word(f"settings_{what}_{'on' if on else 'off'}"), f"{kind}:{int(not on)}")
