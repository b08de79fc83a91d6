"""`python -m tests.verify RECORDS`: the checker reads a log of at least so many records, and says what that took."""

from __future__ import annotations

import sys
import time
from datetime import timedelta

from oms.verify.checking import Checker, Installation
from oms.verify.kafka import murmur2
from oms.verify.running import memory_mib
from tests.verify.installations import CANARY, SCHEMAS
from tests.verify.lives import clean
from tests.verify.multiplied import MultipliedBooks, MultipliedLog


def main(records: int) -> int:
    """Read, judge and tell; 1 when anything was found to be broken, for nothing is."""
    lived = clean()
    one = MultipliedLog(lived, 1).records
    log = MultipliedLog(lived, -(-records // one))
    books = MultipliedBooks(lived, log)
    print(f"{log.records} records, {log.times} lives of {one}; {memory_mib():.0f} MiB before", flush=True)
    began = time.monotonic()
    of = Installation(log, SCHEMAS, murmur2, lambda: lived.now, timedelta(), books=[books], canaries=[CANARY])
    checker = Checker(of)
    found = checker.check()
    seconds = time.monotonic() - began
    print(f"read {checker.records} records in {seconds:.1f} s, {checker.records / seconds:.0f} a second")
    print(f"at most {memory_mib():.0f} MiB; kept in memory at the end: {dict(checker.kept)}")
    print(f"{found.checked.total()} cases, {found.violated.total()} violated")
    for rule, violation in found.first.items():
        print(f"{rule}: {violation.what} {violation.place or ''}")
    checker.close()
    return 0 if found.clean else 1


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1])))
