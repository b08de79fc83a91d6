"""What can be wrong with a local server, each with a sentence for people and an exit code for scripts."""

from __future__ import annotations

from typing import ClassVar

__all__ = [
    "ArtifactDamaged",
    "ArtifactMissing",
    "Busy",
    "DiskFull",
    "FolderMissing",
    "NotReady",
    "NotRunning",
    "PortTaken",
    "StackError",
    "StalePid",
    "StopRefused",
]


class StackError(Exception):
    """A local server cannot be started, stopped or found as asked; the text says why and what to do."""

    exit_code: ClassVar[int] = 1


class StalePid(StackError):
    """A pid file names a process that is gone: it died without cleaning up."""

    exit_code = 3


class PortTaken(StackError):
    """Another process listens on the port, or we may not."""

    exit_code = 4


class DiskFull(StackError):
    """Too little room is left for the server's data."""

    exit_code = 5


class FolderMissing(StackError):
    """A folder that must exist does not, or is not a folder."""

    exit_code = 6


class NotReady(StackError):
    """The server ended early or did not answer before its deadline."""

    exit_code = 7


class NotRunning(StackError):
    """There is nothing to look at: it was not started, or it was stopped."""

    exit_code = 8


class StopRefused(StackError):
    """A process outlived even a kill."""

    exit_code = 9


class ArtifactMissing(StackError):
    """A file of the broker cannot be fetched."""

    exit_code = 10


class ArtifactDamaged(StackError):
    """A fetched file is not the one that the lock names."""

    exit_code = 10


class Busy(StackError):
    """Another process starts or stops servers in the same folder."""

    exit_code = 15
