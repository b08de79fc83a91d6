"""`python -m deploy.sandbox`: the provider as a program of its own, on 127.0.0.1."""

from __future__ import annotations

import argparse
import logging
from pathlib import Path

import uvicorn

from deploy.sandbox.serving import HOST, Place, serving

__all__ = ["main"]


def main() -> None:
    """Run until stopped."""
    asked = argparse.ArgumentParser(prog="python -m deploy.sandbox", description=__doc__)
    asked.add_argument("--port", type=int, default=18200)
    asked.add_argument("--ledger", type=Path, default=Path("sandbox.sqlite3"), help="file of the ledger")
    asked.add_argument("--key-file", type=Path, required=True, help="file whose first line lets callers in")
    asked.add_argument("--secret-file", type=Path, required=True, help="file whose first line signs notices")
    asked.add_argument("--notices", help="address that notices are sent to")
    asked.add_argument("--settles-in", default="EUR", help="currency of the accounts")
    asked.add_argument("--keys-kept", type=int, default=86_400, help="seconds that the key of a call is known")
    asked.add_argument("--slow", type=float, default=30.0, help="seconds that a slow answer takes")
    asked.add_argument("--hold", type=float, default=60.0, help="seconds until an answer that never comes is given up")
    asked.add_argument("--late", type=int, default=30, help="seconds that a late notice takes")
    asked.add_argument("--pending", type=int, default=5, help="seconds that a pending refund takes")
    said = asked.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    place = Place(
        ledger=said.ledger,
        key=_first_line(said.key_file),
        secret=_first_line(said.secret_file),
        notices=said.notices,
        settles_in=said.settles_in,
        keys_kept_seconds=said.keys_kept,
        slow_seconds=said.slow,
        hold_seconds=said.hold,
        late_seconds=said.late,
        pending_seconds=said.pending,
    )
    with serving(place) as app:
        uvicorn.run(app, host=HOST, port=said.port, access_log=False, log_config=None, timeout_graceful_shutdown=1)


def _first_line(file: Path) -> str:
    return file.read_text("utf-8").partition("\n")[0].strip()


if __name__ == "__main__":
    main()
