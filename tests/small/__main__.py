"""Run one process of a small service.

`python -m tests.small SERVICE NAMESPACE BOOTSTRAP DATABASE FOLDER NAME CACHED_STREAMS UNFOLLOWED_OFFSETS`
"""

from __future__ import annotations

import logging
import os
import sys
from dataclasses import replace
from pathlib import Path

from chassis.loop import Limits
from chassis.runtime import Installation, run_service
from tests.small.harness import PARTITIONS, SERVICES
from tests.small.venue import MENDED_HALL


def main(
    name: str,
    namespace: str,
    bootstrap: str,
    database: str,
    folder: str,
    process: str,
    cached_streams: str,
    unfollowed_offsets: str,
) -> int:
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(message)s")
    declared = SERVICES[name]
    kinds = (MENDED_HALL,) if name == "venue" and os.environ.get("SMALL_MENDED") else declared.kinds
    service = replace(declared, kinds=kinds, namespace=namespace)
    installation = Installation(
        bootstrap, database, Path(folder), PARTITIONS, namespace, intents_partitions=2, inboxes=tuple(SERVICES)
    )
    limits = Limits(
        batch_records=200,
        cached_streams=int(cached_streams),
        unfollowed_offsets=int(unfollowed_offsets),
        deadline_scan=0.1,
        deadline_again=1.0,
    )
    return run_service(service, installation, process_name=process, limits=limits)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
