"""Starts the embedded engine: ``python -m studio.embedded``."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys

from aiohttp import web

from studio.embedded.options import Options, read_options
from studio.embedded.server import Engine

_SHUTDOWN_TIMEOUT_S = 0.5


async def _serve(options: Options) -> int:
    """Serve until a signal comes, and return the exit status."""
    loop = asyncio.get_running_loop()
    ended: asyncio.Future[int] = loop.create_future()

    def end(status: int) -> None:
        if not ended.done():
            ended.set_result(status)

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, end, 0)

    def crash() -> None:
        loop.call_soon_threadsafe(end, 1)

    engine = Engine(folders=options.folders, limits=options.limits, crashed=crash)
    runner = web.AppRunner(
        engine.application(), access_log=None, shutdown_timeout=_SHUTDOWN_TIMEOUT_S
    )
    await runner.setup()
    for address in options.addresses:
        await web.TCPSite(runner, address, options.port).start()
    for host, port, *_ in runner.addresses:
        shown = f"[{host}]" if ":" in host else host
        print(f"Listening on http://{shown}:{port}", flush=True)
    status = await ended
    await runner.cleanup()
    return status


def main() -> None:
    """Run the engine. It does not return."""
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
    options = read_options()
    options.folders.prepare()
    status = asyncio.run(_serve(options))
    sys.stdout.flush()
    sys.stderr.flush()
    # The worker may be deep inside NumPy, where an orderly end of the interpreter would wait.
    os._exit(status)


if __name__ == "__main__":
    main()
