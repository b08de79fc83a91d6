"""`python -m services.payments`: one process of the service."""

from __future__ import annotations

from chassis.entry import start
from services.payments.app import run

if __name__ == "__main__":
    start(run)
