"""`python -m oms.healthcheck NAME`: exit code 0 when that process of ours runs, 1 and the reason when not.

For whatever watches a container; `oms status` is for people. Light on purpose, since it is asked all the time.
"""

from __future__ import annotations

import json
import sys
from http.client import HTTPException
from pathlib import Path
from urllib.request import ProxyHandler, build_opener

from chassis.settings import load_settings

__all__ = ["main", "trouble"]

ANSWER_SECONDS = 4.0

_direct = build_opener(ProxyHandler({}))  # the answer is on this machine, whatever proxy the environment names


def trouble(run_folder: Path, name: str) -> str | None:
    """Why the process does not run; None when it does."""
    try:
        address = json.loads((run_folder / f"{name}.json").read_text())["address"]
        with _direct.open(address, timeout=ANSWER_SECONDS) as answer:
            document = json.load(answer)
        state = document["state"]
    except (OSError, HTTPException, ValueError, KeyError) as error:
        return f"no health answer: {error!r}"
    return None if state == "running" else f"{state}: {document.get('last_error')}"


def main() -> None:
    """Ask the process that the command line names."""
    found = trouble(load_settings().run_folder, sys.argv[1])
    sys.stdout.write(f"{found or 'running'}\n")
    sys.exit(found is not None)


if __name__ == "__main__":
    main()
