"""`python -m services.shipping`: one process of the service."""

from __future__ import annotations

import sys

from chassis.runtime import log_to_stderr
from chassis.settings import load_settings
from services.shipping.app import run

if __name__ == "__main__":
    log_to_stderr()
    sys.exit(run(load_settings()))
