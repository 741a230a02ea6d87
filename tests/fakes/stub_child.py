"""A child for bootstrap tests. Everything it does is said by its arguments."""

from __future__ import annotations

import argparse
import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path


def main() -> int:
    """Do what the arguments say, tell ``--state``/<name>.json about it, then sleep or exit."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--name", required=True)
    parser.add_argument("--state", type=Path, required=True)
    parser.add_argument("--ignore-term", action="store_true")
    parser.add_argument("--grandchild", choices=("same-group", "own-session"))
    parser.add_argument("--orphans", type=int, default=0)
    parser.add_argument("--print-lines", type=int, default=0)
    parser.add_argument("--port", type=int)
    parser.add_argument("--exit-code", type=int)
    parser.add_argument("--any-flags", nargs=argparse.REMAINDER)
    args = parser.parse_args()
    if args.ignore_term:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    grandchild = None
    if args.grandchild:
        sleeper = [sys.executable, "-c", _SLEEPER]
        grandchild = subprocess.Popen(sleeper, start_new_session=args.grandchild == "own-session")
    for _ in range(args.orphans):
        # The shell in the middle ends at once, so its own child loses its parent.
        subprocess.run(["/bin/sh", "-c", "sleep 0.05 &"], check=True)
    listener = socket.socket()
    if args.port:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", args.port))
        listener.listen()
    for number in range(args.print_lines):
        print(f"{args.name} line {number} " + "x" * 80, flush=True)
    facts = {
        "pid": os.getpid(),
        "grandchild": grandchild.pid if grandchild else None,
        "environ": dict(os.environ),
        "umask": os.umask(0),
        "uid": os.getuid(),
        "groups": os.getgroups(),
        "argv": sys.argv,
    }
    new = args.state / f".{args.name}.{os.getpid()}"
    new.write_text(json.dumps(facts))
    new.rename(args.state / f"{args.name}.json")
    if args.exit_code is not None:
        return int(args.exit_code)
    time.sleep(600)
    return 0


_SLEEPER = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)"

if __name__ == "__main__":
    sys.exit(main())
