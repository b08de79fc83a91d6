"""`python -m services.fulfillment`: one process of the service."""

from __future__ import annotations

from chassis.entry import start
from services.fulfillment.app import run

if __name__ == "__main__":
    start(run)
