"""One engine as Studio sees it: its state, what it can run, what is inside it."""

from __future__ import annotations

import gc
import logging
from collections import OrderedDict, deque
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final, Protocol

from studio.clients.comfy import ComfyClient
from studio.clients.comfy_events import EngineEvent, EngineSocket, PreviewFrame
from studio.graphs.cached_names import take_cached_names
from studio.graphs.declarations import ClassInfo
from studio.models import Job
from studio.settings import EngineSetting

log = logging.getLogger(__name__)

OLDEST_VERSION: Final = (0, 33)
MAX_REFUSED_JOBS: Final = 3
MAX_FINGERPRINTS: Final = 20_000
_LONGEST_REST: Final = 12
_KEPT_KEYS: Final = (
    "input",
    "output",
    "output_is_list",
    "output_node",
    "api_node",
    "display_name",
    "is_input_list",
)
_PACKS: Final = "custom_nodes"
"""Where ComfyUI says that a class of a node pack comes from."""

FileKey = tuple[str, str, str]
"""A file of an engine's: type, subfolder, name."""


class EngineState(StrEnum):
    STARTING = "starting"
    READY = "ready"
    UNRESPONSIVE = "unresponsive"
    DOWN = "down"
    STOPPED = "stopped"
    INCOMPATIBLE = "incompatible"


class EngineListener(Protocol):
    """What the runner hears from every engine."""

    def on_frame(self, engine: Engine, frame: EngineEvent | PreviewFrame) -> None: ...

    def follows_editor(self, engine: Engine) -> bool:
        """Whether a run of the editor's is inside that engine."""

    def on_overheard(self, engine: Engine, frame: EngineEvent | PreviewFrame) -> None:
        """A frame that the engine sent to the editor, which may tell of a run of the editor's."""

    def on_attached(self, engine: Engine) -> None:
        """Connected (again): look where every job inside it stands."""

    def on_died(self, engine: Engine, *, counted: bool) -> None:
        """The process that held our prompts is gone, and they with it.

        ``counted`` is ``False`` when the end was asked for: nobody is to blame.
        """

    def on_idle_check(self, engine: Engine) -> None:
        """About once a second while attached: fill gaps the socket may have left."""

    def holds(self, engine: Engine, prompt_id: str) -> bool:
        """Whether a live job stands behind that prompt."""

    def prompts(self, engine: Engine) -> list[str]:
        """The prompts that were accepted by that engine and have not ended."""


@dataclass(slots=True, eq=False)
class Engine:
    """State of one engine; only ``EngineService`` and the runner change it.

    ``boot`` names one life of the process: prompts and cached files of another life are gone.
    ``occupied`` counts our jobs that were handed over and have not ended there.
    """

    setting: EngineSetting
    client: ComfyClient
    client_id: str
    state: EngineState = EngineState.STARTING
    reason: str = "starting"
    version: str | None = None
    boot: str = ""
    epoch: int = 0
    """Counts sockets: a job whose whole life fell into one epoch missed no frame."""
    socket: EngineSocket | None = None
    occupied: int = 0
    foreign: int = 0
    """Prompts inside the engine that are not ours: the editor's own runs."""
    last_heard_s: float = 0.0
    last_frame_s: float = 0.0
    submitted_s: float | None = None
    marker: str | None = None
    """A prompt that ended in this boot: while its history exists, the boot is the same."""
    buried: float | None = None
    """Start time of the last process whose end was taken note of."""
    crashes: deque[float] = field(default_factory=lambda: deque(maxlen=16))
    failed_starts: int = 0
    """Lives in a row that ended by themselves before it had answered once."""
    held: str = ""
    """Why it gets nothing new though it might be ready: somebody wants to stop it."""
    lends: bool = False
    """It gets no job while its memory is given to somebody else."""
    pack_classes: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """The classes that each node pack brought, by the name of its folder."""
    refused_jobs: int = 0
    """Jobs in a row that it answered with an error status, however often they were offered."""
    rests_until_s: float = 0.0
    rest_reason: str = ""
    log_tail: list[str] = field(default_factory=list)
    loaded: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Files of models that should be in its memory, by the affinity key of the jobs with them."""
    info: dict[str, Any] | None = None
    _produced: OrderedDict[FileKey, str] = field(default_factory=OrderedDict)
    _classes: frozenset[str] = frozenset()
    _cached: dict[str, set[str]] = field(default_factory=dict)
    """Files that were fetched for jobs, by the classes that list them. Nobody chooses them by
    name: what was fetched with somebody's credentials is not for others."""
    _capable: dict[str, bool] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return self.setting.name

    @property
    def managed(self) -> bool:
        return self.setting.managed

    @property
    def ready(self) -> bool:
        return self.state is EngineState.READY

    @property
    def dropped_frames(self) -> int:
        """Frames of the present socket that were not understood."""
        return self.socket.dropped_frames if self.socket is not None else 0

    def has_room(self, window: int) -> bool:
        """Whether it takes another job now; one that refused many is tried with a single one.

        However many runs of the editor's are inside, there is room for one of ours beside them:
        both sides take turns.
        """
        if self.held or self.lends or (self.refused_jobs >= MAX_REFUSED_JOBS and self.occupied):
            return False
        return self.ready and (not self.occupied or self.occupied + self.foreign < window)

    def heard(self, now_s: float) -> bool:
        """An answer or a frame came: the engine lives. Return whether that is news."""
        self.last_heard_s = now_s
        if self.state is not EngineState.UNRESPONSIVE:
            return False
        self.state, self.reason = self.condition(now_s)
        return self.ready

    def condition(self, now_s: float) -> tuple[EngineState, str]:
        """State and reason while it answers: ready, unless it rests because it refused jobs."""
        if now_s < self.rests_until_s:
            return EngineState.UNRESPONSIVE, self.rest_reason
        return EngineState.READY, ""

    def refuse(self, status: int, now_s: float, rest_s: float) -> None:
        """Take note that it refused a job for good; after some in a row it gets none for a while.

        Args:
            status: what it answered to the last try.
            rest_s: the first of those whiles; it doubles with every job that is refused after it.
        """
        self.refused_jobs += 1
        beyond = self.refused_jobs - MAX_REFUSED_JOBS
        if beyond >= 0:
            self.rests_until_s = now_s + rest_s * min(2.0 ** min(beyond, 10), _LONGEST_REST)
            self.rest_reason = f"refused the last {self.refused_jobs} jobs: it answers {status}"
            self.distrust(self.rest_reason)

    def enter(self, state: EngineState, reason: str) -> None:
        """Be in a state."""
        if self.state is not state:
            log.info("engine %s: %s %s", self.name, state, reason)
        self.state, self.reason = state, reason

    def distrust(self, reason: str) -> None:
        """Send nothing more until it is heard of again."""
        self.state, self.reason = EngineState.UNRESPONSIVE, reason

    def count_foreign(self, queue_remaining: int) -> bool:
        """Take over the engine's own count; return whether room appeared."""
        before, self.foreign = self.foreign, max(0, queue_remaining - self.occupied)
        return self.foreign < before

    def has_loaded(self, job: Job) -> bool:
        """Whether the job's models are in memory, as far as we know."""
        return not job.affinity_key or job.affinity_key in self.loaded

    def new_boot(self, boot: str) -> None:
        """Forget everything that belonged to an earlier life."""
        self.boot = boot
        self.marker = None
        self.foreign = 0
        self.refused_jobs = 0
        self.rests_until_s = 0.0
        self.loaded.clear()
        self._produced.clear()

    def saw_made(self, file: FileKey, mark: str) -> None:
        """Remember the fingerprint of a file that was made in this boot; the oldest give way."""
        self._produced[file] = mark
        self._produced.move_to_end(file)
        if len(self._produced) > MAX_FINGERPRINTS:
            self._produced.popitem(last=False)

    def made(self, file: FileKey) -> str | None:
        """The fingerprint of a file when it was made, ``None`` if nobody knows it any more."""
        mark = self._produced.get(file)
        if mark is not None:
            self._produced.move_to_end(file)
        return mark

    def learn(self, info: dict[str, Any]) -> None:
        """Take over an ``object_info``, without the texts only an editor shows."""
        self._cached = {}
        packs: dict[str, list[str]] = {}
        for name, node in info.items():
            if isinstance(node, dict):
                take_cached_names(node.get("input"), self._cached.setdefault(name, set()))
                folder, _, pack = str(node.get("python_module", "")).partition(".")
                if folder == _PACKS and pack:
                    packs.setdefault(pack, []).append(name)
        self.pack_classes = {pack: tuple(sorted(names)) for pack, names in packs.items()}
        self.info = {
            name: ClassInfo({key: node[key] for key in _KEPT_KEYS if key in node})
            for name, node in info.items()
            if isinstance(node, dict)
        }
        # The garbage collector would walk this large and lasting tree again and again.
        gc.collect()
        gc.freeze()
        self._classes = frozenset(self.info)
        self._capable.clear()

    def can_run(self, job: Job) -> bool:
        """Whether this engine has every class and model file the job names."""
        if self.info is None:
            return False
        known = self._capable.get(job.graph_key)
        if known is None:
            known = job.classes <= self._classes and all(
                file in self._choices(node, name) or file in self._cached.get(node, ())
                for node, name, file in job.models
            )
            self._capable[job.graph_key] = known
        return known

    def _choices(self, class_type: str, name: str) -> list[Any]:
        inputs = (self.info or {}).get(class_type, {}).get("input", {})
        for section in ("required", "optional"):
            declared = inputs.get(section, {}).get(name)
            if declared:
                if isinstance(declared[0], list):
                    return declared[0]
                options = declared[1].get("options", []) if len(declared) > 1 else []
                return options if isinstance(options, list) else []
        return []


def parse_version(text: str) -> tuple[int, ...]:
    """``"0.33.1"`` as ``(0, 33, 1)``; unreadable parts count as 0."""
    parts = text.lstrip("v").split("+")[0].split("-")[0].split(".")
    return tuple(int(part) if part.isdigit() else 0 for part in parts)
