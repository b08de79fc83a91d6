"""What needs a server says so: without servers nothing asks for one."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
ON_SERVERS = ("[kafka", "[postgresql", "conformance/test_provider")


def test_what_is_conformed_to_on_a_server_is_marked_as_needing_one() -> None:
    # given the specifications that every implementation of a port passes, of which some are servers
    command = [sys.executable, "-m", "pytest", "-q", "--collect-only", "-p", "no:cacheprovider", "-m"]
    # when those are asked for that need none
    listed = {}
    for wanted in ("servers", "not servers"):
        done = subprocess.run(
            [*command, wanted, "tests/conformance"], cwd=ROOT, capture_output=True, text=True, check=True
        )
        listed[wanted] = [line for line in done.stdout.splitlines() if "::" in line]
    # then none is among them that stands on one, and all that do are among the others
    assert [line for line in listed["not servers"] if any(name in line for name in ON_SERVERS)] == []
    assert all(any(name in line for line in listed["servers"]) for name in ON_SERVERS)
