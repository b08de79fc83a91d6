"""An HTTP application served as a part of a process of ours, until its life is over."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from starlette.types import ASGIApp

from oms.process import Life

__all__ = ["serve"]

KEEP_ALIVE_SECONDS = 30
STOP_SECONDS = 5
POLL_SECONDS = 0.01


class _Server(uvicorn.Server):
    """Leaves signals to the process, which has more to end than this server."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def serve(
    app: ASGIApp, host: str, port: int, life: Life, connections_max: int, stop_seconds: int = STOP_SECONDS
) -> None:
    """Answer callers until asked to stop; those above `connections_max` get 503. What is not answered `stop_seconds`
    after that is cut off."""
    server = _Server(
        uvicorn.Config(
            app,
            host=host,
            port=port,
            log_config=None,
            access_log=False,
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
            limit_concurrency=connections_max,
            timeout_graceful_shutdown=stop_seconds,
        )
    )
    serving = asyncio.create_task(server.serve())
    over = asyncio.create_task(life.over.wait())
    while not (server.started or serving.done()):
        await asyncio.sleep(POLL_SECONDS)
    life.runs()
    await asyncio.wait({serving, over}, return_when=asyncio.FIRST_COMPLETED)
    life.health.state = "stopping" if life.failure is None else "failed"
    server.should_exit = True
    over.cancel()
    await serving
