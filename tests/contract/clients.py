"""A plain client of an engine: HTTP, and the frames of one WebSocket."""

from __future__ import annotations

import itertools
import json
import struct
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from typing import Any

import httpx
from PIL import Image
from websockets.sync.client import ClientConnection, connect

from tests.contract.harness import Engine

WAIT_S = 60.0

_POLL_S = 0.02
_colors = itertools.count(1)

Graph = dict[str, Any]


@dataclass(frozen=True)
class Event:
    """A frame of JSON."""

    type: str
    data: dict[str, Any]


@dataclass(frozen=True)
class Preview:
    """A binary frame: its event number, metadata if it has any, and the picture's bytes."""

    event: int
    metadata: dict[str, Any] | None
    image: bytes


Frame = Event | Preview


class Listener:
    """One WebSocket and the frames it has received."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection
        self.frames: list[Frame] = []

    def read(self, timeout_s: float = WAIT_S) -> Frame:
        """Return the next frame. Raises TimeoutError when none comes."""
        frame = _parse(self.connection.recv(timeout=timeout_s))
        self.frames.append(frame)
        return frame

    def read_until(self, wanted: Callable[[Frame], bool]) -> list[Frame]:
        """Return the frames up to and including the first that is wanted."""
        seen = []
        while True:
            seen.append(self.read())
            if wanted(seen[-1]):
                return seen

    def read_run(self, prompt_id: str) -> list[Frame]:
        """Return the frames up to the one that says that a prompt is over."""
        return self.read_until(
            lambda frame: (
                isinstance(frame, Event)
                and frame.type == "executing"
                and frame.data["node"] is None
                and frame.data["prompt_id"] == prompt_id
            )
        )

    def await_event(self, kind: str, **data: Any) -> Event:
        """Read until an event of that type with those data comes, and return it."""
        found = self.read_until(
            lambda frame: (
                isinstance(frame, Event)
                and frame.type == kind
                and data.items() <= frame.data.items()
            )
        )[-1]
        assert isinstance(found, Event)
        return found

    def drain(self, quiet_s: float = 0.3) -> list[Frame]:
        """Return what has arrived, once nothing more does for ``quiet_s``."""
        seen = []
        while True:
            try:
                seen.append(self.read(quiet_s))
            except TimeoutError:
                return seen


class Client:
    """Talks to one engine under one client id."""

    def __init__(self, engine: Engine, client_id: str | None = None) -> None:
        self.engine = engine
        self.client_id = client_id or uuid.uuid4().hex
        self.http = httpx.Client(base_url=engine.url, timeout=WAIT_S)

    @contextmanager
    def listening(self, features: dict[str, Any] | None = None) -> Iterator[Listener]:
        """Open a WebSocket, announce features first if there are any, and read its greeting."""
        url = f"{self.engine.socket_url}?clientId={self.client_id}"
        with connect(url, max_size=None) as connection:
            listener = Listener(connection)
            if features is not None:
                connection.send(json.dumps({"type": "feature_flags", "data": features}))
                listener.await_event("feature_flags")
            else:
                listener.await_event("status", sid=self.client_id)
            yield listener

    def post_prompt(self, graph: Any, **body: Any) -> httpx.Response:
        """Send a graph and return the answer, whatever it is."""
        message = {"prompt": graph, "client_id": self.client_id, **body}
        return self.http.post("/prompt", json=message)

    def submit(self, graph: Graph, **body: Any) -> str:
        """Send a graph that must be accepted and return its id."""
        answer = self.post_prompt(graph, **body)
        assert answer.status_code == 200, answer.text
        prompt_id: str = answer.json()["prompt_id"]
        return prompt_id

    def run(self, graph: Graph, **body: Any) -> dict[str, Any]:
        """Run a graph to its end and return its entry in the history."""
        return self.wait(self.submit(graph, **body))

    def wait(self, prompt_id: str) -> dict[str, Any]:
        """Wait for a prompt's entry in the history."""
        self.until(lambda: prompt_id in self.history(prompt_id))
        entry: dict[str, Any] = self.history(prompt_id)[prompt_id]
        return entry

    def until(self, condition: Callable[[], bool]) -> None:
        """Wait for a condition. Raises TimeoutError when it does not come true."""
        deadline = time.monotonic() + WAIT_S
        while not condition():
            if time.monotonic() > deadline:
                raise TimeoutError("The condition did not come true")
            time.sleep(_POLL_S)

    def history(self, prompt_id: str) -> dict[str, Any]:
        """Return ``/history`` of one prompt."""
        answer: dict[str, Any] = self.http.get(f"/history/{prompt_id}").json()
        return answer

    def running(self) -> list[str]:
        """Return the ids of the prompts that run."""
        return [item[1] for item in self.http.get("/queue").json()["queue_running"]]

    def pending(self) -> list[str]:
        """Return the ids of the prompts that wait."""
        return [item[1] for item in self.http.get("/queue").json()["queue_pending"]]

    def wait_until_running(self, prompt_id: str) -> None:
        """Wait until a prompt runs."""
        self.until(lambda: prompt_id in self.running())

    def calm(self) -> None:
        """Empty the queue and stop what runs."""
        self.http.post("/queue", json={"clear": True})

        def is_idle() -> bool:
            if not self.running():
                return True
            self.http.post("/interrupt")
            return False

        self.until(is_idle)

    def image(self, reference: dict[str, str]) -> Image.Image:
        """Fetch a picture by the reference that an output holds."""
        answer = self.http.get("/view", params=reference)
        assert answer.status_code == 200
        return Image.open(BytesIO(answer.content))


def fresh_color() -> int:
    """Return a colour that no other test uses, so that nothing is cached by accident."""
    return next(_colors)


def solid(
    prefix: str = "contract/solid", *, color: int | None = None, size: int = 64, **extra: Any
) -> Graph:
    """Return a graph that saves one picture of one colour; ``extra`` goes to the save node."""
    picture = {
        "width": size,
        "height": size,
        "batch_size": 1,
        "color": fresh_color() if color is None else color,
    }
    return {
        "1": {"class_type": "EmptyImage", "inputs": picture},
        "2": {
            "class_type": "SaveImage",
            "inputs": {"images": ["1", 0], "filename_prefix": prefix, **extra},
        },
    }


def text_to_image(engine: Engine, *, steps: int = 3, size: int = 64, seed: int = 0) -> Graph:
    """Return the usual graph of a checkpoint, a prompt, a sampler and a save node."""
    sampler = {
        "model": ["1", 0],
        "positive": ["2", 0],
        "negative": ["3", 0],
        "latent_image": ["4", 0],
        "seed": seed or fresh_color(),
        "steps": steps,
        "cfg": 1.0,
        "sampler_name": "euler",
        "scheduler": "normal",
        "denoise": 1.0,
    }
    return {
        "1": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": engine.checkpoint}},
        "2": {"class_type": "CLIPTextEncode", "inputs": {"text": "a red fox", "clip": ["1", 1]}},
        "3": {"class_type": "CLIPTextEncode", "inputs": {"text": "", "clip": ["1", 1]}},
        "4": {
            "class_type": "EmptyLatentImage",
            "inputs": {"width": size, "height": size, "batch_size": 1},
        },
        "5": {"class_type": "KSampler", "inputs": sampler},
        "6": {"class_type": "VAEDecode", "inputs": {"samples": ["5", 0], "vae": ["1", 2]}},
        "7": {
            "class_type": "SaveImage",
            "inputs": {"images": ["6", 0], "filename_prefix": "contract/sampled"},
        },
    }


def endless(engine: Engine) -> Graph:
    """Return a graph that runs until it is stopped."""
    return text_to_image(engine, steps=10000)


def events(frames: list[Frame], *kinds: str) -> list[Event]:
    """Return the events of those types among frames."""
    return [frame for frame in frames if isinstance(frame, Event) and frame.type in kinds]


def previews(frames: list[Frame]) -> list[Preview]:
    """Return the previews among frames."""
    return [frame for frame in frames if isinstance(frame, Preview)]


def _parse(message: str | bytes) -> Frame:
    if isinstance(message, str):
        parsed = json.loads(message)
        return Event(parsed["type"], parsed["data"])
    event, second = struct.unpack(">II", message[:8])
    if event == 4:
        return Preview(event, json.loads(message[8 : 8 + second]), message[8 + second :])
    return Preview(event, None, message[8:])
