"""The records that travel between layers, frozen: who asks, jobs, assets."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

OWNER_ID: Final = "owner"
"""The user id of the owner, present from the first migration on."""


class Role(StrEnum):
    OWNER = "owner"
    MEMBER = "member"
    GUEST = "guest"


class Scope(StrEnum):
    """What an API key may do; an owner's own key may carry every one of them."""

    JOBS = "jobs"
    GRAPHS_RUN = "graphs:run"
    ASSETS = "assets"
    MODELS_WRITE = "models:write"
    EDITOR = "editor"
    ADMIN = "admin"


ALL_SCOPES: Final = frozenset(Scope)

ROLE_SCOPES: Final = {
    Role.OWNER: ALL_SCOPES,
    Role.MEMBER: frozenset({Scope.JOBS, Scope.GRAPHS_RUN, Scope.ASSETS}),
    Role.GUEST: frozenset({Scope.JOBS, Scope.ASSETS}),
}
"""What a person may do who is logged in; a guest runs what others made, no graphs of their own."""


@dataclass(frozen=True, slots=True)
class Identity:
    """The authenticated caller of one request.

    Exactly one of ``key_id`` and ``session_id`` is set, but at the console and for signed links,
    where neither is.
    """

    user_id: str
    role: Role
    scopes: frozenset[Scope]
    key_id: str | None = None
    key_name: str = ""
    requests_per_minute: int | None = None
    """What the key was given when it was made; ``None`` leaves it to the settings."""
    session_id: str | None = None

    @property
    def sees_all(self) -> bool:
        """Whether rows of other users are visible: the owner's alone."""
        return self.role is Role.OWNER


Record = Callable[..., None]
"""How a service tells what somebody did: ``Activity.record(user_id, kind, subject, **data)``."""


def unrecorded(*_: object, **__: object) -> None:
    """A ``Record`` for those whose deeds are nobody's business: tests, and the command line."""


EDITOR_ORIGIN: Final = "editor"
"""The origin of a job that is a run of the engine's own editor: Studio follows, and never sends it.
"""


class JobStatus(StrEnum):
    """Comfy API v2's statuses."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    CANCELING = "canceling"
    CANCELED = "canceled"
    FAILED = "failed"
    EXPIRED = "expired"

    @property
    def is_terminal(self) -> bool:
        return self in TERMINAL_STATUSES


TERMINAL_STATUSES: Final = frozenset(
    {JobStatus.SUCCEEDED, JobStatus.CANCELED, JobStatus.FAILED, JobStatus.EXPIRED}
)


@dataclass(frozen=True, slots=True)
class JobError:
    """Why a job failed, in the shape of v2's ``job.error``."""

    code: str
    message: str
    node_id: str | None = None
    class_type: str | None = None
    traceback: str | None = None
    details: dict[str, Any] | None = None


@dataclass(frozen=True)
class Job:
    """One job row without its graph. Times are milliseconds since the epoch, UTC."""

    id: str
    user_id: str
    status: JobStatus
    created_at: int
    rank: float
    """Order within one priority; moving a job in the queue changes only this."""
    priority: int
    graph_key: str
    """Hash of the graph's classes and models: jobs with one key take about as long."""
    affinity_key: str
    """Hash of the model files the graph loads; empty when it loads none."""
    classes: frozenset[str]
    models: tuple[tuple[str, str, str], ...]
    """(class_type, input name, file name) of every model the graph loads."""
    paid: bool
    """Whether the graph has ``api_node`` classes, which cost money each time they run."""
    started_at: int | None = None
    completed_at: int | None = None
    deadline_at: int | None = None
    engine: str | None = None
    """Name of the engine it was sent to, ``None`` while it waits."""
    engine_boot: str | None = None
    prompt_id: str | None = None
    attempt: int = 0
    deaths: int = 0
    """Engine deaths while this job was executing."""
    executing: bool = False
    """``execution_start`` was seen for the present attempt."""
    cancel_requested_at: int | None = None
    error: JobError | None = None
    title: str = ""
    workflow_id: str = ""
    """Name of the workflow the graph was made from, as the submitter gave it."""
    origin: str = "api"
    metadata: dict[str, str] = field(default_factory=dict)
    extra: dict[str, Any] = field(default_factory=dict)
    """Named secrets and whether short-lived credentials came with it: never their values."""
    retry_of: str | None = None

    def changed(self, **changes: Any) -> Job:
        """A copy in which some fields are others.

        ``dataclasses.replace`` reads and writes each of the thirty fields by a call of its own,
        and every job is changed several times.
        """
        if not changes.keys() <= self.__dict__.keys():
            raise TypeError(f"A job has no {sorted(changes.keys() - self.__dict__.keys())[0]}.")
        copy = object.__new__(Job)
        copy.__dict__.update(self.__dict__)
        copy.__dict__.update(changes)
        return copy

    @property
    def from_editor(self) -> bool:
        return self.origin == EDITOR_ORIGIN

    @property
    def model_names(self) -> frozenset[str]:
        """Its models as people named them: one that was fetched by where it was fetched from."""
        named = {name: fetched_name(text) for *_, name, text, _ in self.extra.get("fetches", ())}
        return frozenset(named.get(file, file) for _, _, file in self.models)


def fetched_name(reference: str) -> str:
    """How a model is called that was fetched: without a query, which may hold a signature."""
    return reference.partition("?")[0]


@dataclass(frozen=True, slots=True)
class Recipe:
    """What a job was made from: a version of a workflow, and the values really used."""

    workflow_id: str
    version: int
    values: dict[str, Any]
    answers: dict[str, Any] = field(default_factory=dict)
    preset_id: str | None = None
    batch_id: str | None = None
    cell: int | None = None


@dataclass(frozen=True, slots=True)
class NewJob:
    """A job that is to be stored, with all that its accepting commit stores beside it."""

    job: Job
    graph: bytes
    prompt_text: str = ""
    input_ids: Sequence[str] = ()
    recipe: Recipe | None = None
    webhook: JobWebhook | None = None
    told: Sequence[NewDelivery] = ()
    """What is told of it to webhooks, by that very commit."""


@dataclass(frozen=True, slots=True)
class JobWebhook:
    """Where one job is told about; ``secret`` only where the request brought one of its own."""

    url: str
    events: tuple[str, ...]
    secret: str | None = None


@dataclass(frozen=True, slots=True)
class NewDelivery:
    """One message for one webhook, as it is stored and sent, however often.

    ``key`` names what happened: a webhook is told once of each. Messages of one ``lane`` go one
    after the other. ``url`` and ``secret`` are those of a job's own webhook.
    """

    id: str
    webhook_id: str
    key: str
    type: str
    lane: str
    body: str
    created_at: int
    url: str | None = None
    secret: str | None = None


class OutputType(StrEnum):
    IMAGE = "image"
    VIDEO = "video"
    AUDIO = "audio"
    TEXT = "text"
    FILE = "file"
    LATENT = "latent"


@dataclass(frozen=True, slots=True)
class Asset:
    """A user-owned record over immutable bytes.

    ``hash`` is ``blake3:<hex>``, ``size_bytes`` the length of the blob, times are milliseconds
    since the epoch. Uploads have no ``job_id``; outputs have job, node and index.
    """

    id: str
    user_id: str
    hash: str
    size_bytes: int
    content_type: str
    file_path: str
    created_at: int
    expires_at: int | None = None
    tags: tuple[str, ...] = ()
    job_id: str | None = None
    node_id: str | None = None
    output_index: int | None = None
    output_type: OutputType | None = None
    trashed_at: int | None = None


@dataclass(frozen=True, slots=True)
class Awaited:
    """What a queued job waits for that is fetched, and how far that is.

    ``state`` is ``queued``, ``fetching``, ``checking``, ``paused`` or ``again``, for a ``reason``;
    ``others`` is how many more files it waits for.
    """

    state: str
    title: str
    received_bytes: int = 0
    size_bytes: int | None = None
    retry_in_s: int | None = None
    others: int = 0
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Progress:
    """v2's progress snapshot of a running job, and what a waiting one waits for."""

    value: float
    nodes_done: int
    nodes_total: int
    current_node: str | None = None
    current_node_class: str | None = None
    step: int | None = None
    steps: int | None = None
    message: str | None = None
    awaited: Awaited | None = None


@dataclass(frozen=True, slots=True)
class Preview:
    """The latest preview frame of a running job."""

    node_id: str
    content_type: str
    data: bytes
