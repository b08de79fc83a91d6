"""`python -m tests.golden_logs` draws the log of what is not released yet again, and adds to every log digests of folds
whose version is new; a digest of a released log that is there is never changed. `python -m tests.golden_logs VERSION`
keeps the log as that release's."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from tests.golden_logs.logs_kept import (
    DIGESTS,
    LOGS,
    UNRELEASED,
    digests,
    events_of,
    keep_digests,
    kept_digests,
    log_file,
    read,
    write,
)
from tests.simulation.busy import busy_month, log_of

SEED = 4
DAYS = 12


def main(arguments: Sequence[str]) -> int:
    version = arguments[0] if arguments else UNRELEASED
    log_file(UNRELEASED).unlink(missing_ok=True)
    write(version, list(events_of(log_of(busy_month(SEED, DAYS)))))
    found = kept_digests() if DIGESTS.exists() else {}
    found.pop(UNRELEASED, None)
    for file in sorted(LOGS.glob("*.jsonl.xz")):
        name = file.name.removesuffix(".jsonl.xz")
        found[name] = {**digests(read(name)), **found.get(name, {})}
    keep_digests(found)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
