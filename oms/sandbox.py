"""`python -m oms.sandbox`: the payment sandbox as a process of this installation, with its secrets and its doors."""

from __future__ import annotations

from chassis.entry import start
from chassis.settings import Settings
from deploy.sandbox.serving import Place, serving
from oms.process import Life, run_process
from oms.secrets import create_sandbox_secrets, first_line, secret_lines
from oms.serving import serve

__all__ = ["run"]

CONNECTIONS_MAX = 200
STOP_SECONDS = 1
"""Slow answers are cut off: a provider that goes away is one more of the things to try out."""


async def _run(settings: Settings, life: Life) -> None:
    create_sandbox_secrets(settings)
    place = Place(
        ledger=settings.home / "sandbox.sqlite3",
        key=first_line("sandbox_key_file", settings.sandbox_key),
        secret=secret_lines("sandbox_secrets_file", settings.sandbox_secrets)[0],
        notices=settings.sandbox_notices,
    )
    with serving(place) as app:
        await serve(app, settings.sandbox_host, settings.sandbox_port, life, CONNECTIONS_MAX, STOP_SECONDS)


def run(settings: Settings) -> int:
    """Play the provider until asked to stop; the exit code."""
    return run_process("sandbox", settings, lambda life: _run(settings, life))


if __name__ == "__main__":
    start(run)
