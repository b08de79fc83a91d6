"""How the command is typed where we are, so that what people are told to type works."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

__all__ = ["typed"]

NAME = "oms"


def typed() -> str:
    """`oms` where the shell finds this very command by that name, else the path that it was called by."""
    own = Path(sys.argv[0])
    if own.name != NAME:
        return f"{sys.executable} -m oms"
    found = shutil.which(NAME)
    return NAME if found is not None and own.exists() and own.samefile(found) else str(own)
