"""One at a time: whoever starts or stops servers in a folder holds its lock, which ends with its process."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from deploy.local.errors import Busy

__all__ = ["only_one"]

NAME = "lock"


@contextmanager
def only_one(folder: Path, doing: str) -> Iterator[None]:
    """Hold the lock of `folder` while `doing` something; raises Busy, naming the holder, when somebody else has it.

    The kernel lets go of it when the process ends, however it ends; what the process starts does not inherit it.
    """
    with (folder / NAME).open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            file.seek(0)
            raise Busy(f"{file.read().strip()} is at work in {folder}. Wait for its end, then ask again.") from error
        file.truncate(0)
        file.write(f"`{doing}` (process {os.getpid()})")
        file.flush()
        yield
