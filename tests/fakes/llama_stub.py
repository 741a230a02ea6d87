"""What llama.cpp's server does, as far as Studio can tell; started like it, by its config file.

Words of the last message steer it: ``die`` ends it in the middle, ``slow`` writes for a minute, and
what follows ``write:`` is written, a piece for each ``|``. A
model whose file's name begins with ``broken`` cannot be loaded, one with ``silent`` never answers,
one with ``stubborn`` has to be killed. Beside its model's file it leaves ``.config`` (what it was
told), ``.asked`` (the last request) and ``.left`` (a reader went away).
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any


def main() -> int:
    """Serve until killed."""
    assert Path(sys.argv[1]).name == "llama_server.py" and sys.argv[2] == "--config_file", sys.argv
    config = json.loads(Path(sys.argv[3]).read_text())
    model = Path(config["models"][0]["model"])
    if model.name.startswith("stubborn"):
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    environ = dict(os.environ)
    model.with_suffix(".config").write_text(json.dumps({**config, "environ": environ}))
    if model.name.startswith("broken"):
        print("error loading model", flush=True)
        return 1
    if model.name.startswith("silent"):
        time.sleep(600)
    handler = type("Handler", (Answers,), {"config": config, "model": model})
    ThreadingHTTPServer((config["host"], config["port"]), handler).serve_forever()
    return 0


class Answers(BaseHTTPRequestHandler):
    config: dict[str, Any]
    model: Path

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        print(format % args, flush=True)

    def do_GET(self) -> None:
        if self._may():
            self._say(200, {"object": "list", "data": [{"id": self.model.stem}]})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if not self._may():
            return
        if self.path.endswith("/embeddings"):
            data = [{"object": "embedding", "index": 0, "embedding": [0.25, 0.5]}]
            usage = {"prompt_tokens": 1, "total_tokens": 1}
            self._say(200, {"object": "list", "data": data, "model": "x", "usage": usage})
            return
        assert body["stream"], "Studio reads streams, which it can end"
        self.model.with_suffix(".asked").write_text(json.dumps(body))
        self._write(str(body["messages"][-1]["content"] if "messages" in body else body["prompt"]))

    def _may(self) -> bool:
        if self.headers.get("Authorization") == f"Bearer {self.config['api_key']}":
            return True
        self._say(401, {"detail": "Invalid API key"})
        return False

    def _say(self, status: int, content: dict[str, Any]) -> None:
        data = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def _write(self, asked: str) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        words = [self.model.stem, " says"] + [" so"] * (3000 if "slow" in asked else 2)
        if "write:" in asked:
            words = asked.partition("write:")[2].split("|")
        try:
            for number, word in enumerate(words):
                if "die" in asked and number == 2:
                    os._exit(3)
                self._send({"index": 0, "delta": {"content": word}, "finish_reason": None})
                if "slow" in asked:
                    time.sleep(0.02)
            self._send({"index": 0, "delta": {}, "finish_reason": "stop"})
            self._send(usage={"prompt_tokens": 2, "completion_tokens": 4, "total_tokens": 6})
            self.wfile.write(b"data: [DONE]\n\n")
        except OSError:
            self.model.with_suffix(".left").touch()

    def _send(self, *choices: dict[str, Any], **more: Any) -> None:
        chunk = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "x"}
        told = {**chunk, "choices": choices, **more}
        self.wfile.write(b"data: " + json.dumps(told).encode() + b"\n\n")
        self.wfile.flush()


if __name__ == "__main__":
    sys.exit(main())
