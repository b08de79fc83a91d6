"""A network of its own for each broker: a namespace of the kernel behind a bridge, so that what one of them sends to
another, or to clients, can be lost, in one direction or in both, while all of them run (F09).

A direction is cut by the sender's table of neighbours: it sends to a card that nobody has. So packets are lost on their way,
as where a switch fails, and nobody is told. Only root may do this, and only on Linux.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress

import psutil

__all__ = ["CLIENTS", "Network", "NoNetwork"]

CLIENTS = 254
"""Who is no broker, as a part of a network: everything in the machine's own namespace."""

NOBODY = "02:00:00:00:00:00"
"""A card's address, of those that are given away on the spot, which no card here has."""

COMMAND_SECONDS = 20.0
MADE = re.compile(r"^orderlog-(?P<maker>\d+)-\d+", re.MULTILINE)
LINKED = re.compile(r"^\d+: (?P<link>ol(?P<maker>\d+)[bn]\d*)[@:]", re.MULTILINE)


class NoNetwork(Exception):
    """Networks cannot be made on this machine; the text says why."""


class Network:
    """Namespaces with the numbers of brokers, and the bridge between them and the clients, from `open` to `close`. Named
    by the process that makes them: what one leaves that was killed, the next takes away."""

    def __init__(self, numbers: Sequence[int]) -> None:
        self._numbers, self._maker = tuple(numbers), os.getpid()
        self._bridge = f"ol{self._maker}b"
        self._undo: list[Callable[[], object]] = []

    def open(self) -> None:
        """Make them; raises NoNetwork where that is not allowed, and then nothing is left."""
        if sys.platform != "linux" or os.geteuid() != 0 or shutil.which("ip") is None:
            raise NoNetwork("only root may make network namespaces, and only on Linux with the command ip")
        try:
            _remove_left()
            _ip("link", "add", self._bridge, "type", "bridge")
            _ip("addr", "add", f"{self.host(CLIENTS)}/24", "dev", self._bridge)
            _ip("link", "set", self._bridge, "up")
            for number in self._numbers:
                self._add(number)
        except OSError as error:
            self.close()
            raise NoNetwork(f"network namespaces cannot be made: {error}") from error

    def _add(self, number: int) -> None:
        space, link = self._space(number), self._link(number)
        _ip("netns", "add", space)
        _ip("link", "add", link, "type", "veth", "peer", "name", "eth0", "netns", space)
        _ip("link", "set", link, "master", self._bridge, "up")
        _ip("-n", space, "addr", "add", f"{self.host(number)}/24", "dev", "eth0")
        for name in ("eth0", "lo"):
            _ip("-n", space, "link", "set", name, "up")

    def close(self) -> None:
        """Take all of it away, after the brokers in it ended. What was never made is no fault."""
        _remove(self._maker)

    def host(self, number: int) -> str:
        """The address of a broker, or of the clients. From those that are kept for tests (RFC 2544)."""
        return f"198.18.{self._maker % 256}.{number}"

    def inside(self, number: int, command: Sequence[str]) -> list[str]:
        """The command that runs another in a broker's network, as the same process."""
        return ["ip", "netns", "exec", self._space(number), *command]

    def isolate(self, number: int) -> None:
        """Nothing comes to this broker or from it."""
        link = self._link(number)
        self._undo.append(lambda: _ip("link", "set", link, "up"))
        _ip("link", "set", link, "down")

    def lose(self, sender: int, receiver: int) -> None:
        """What one sends to the other is lost; what comes the other way arrives."""
        where = [] if sender == CLIENTS else ["-n", self._space(sender)]
        device = self._bridge if sender == CLIENTS else "eth0"
        neighbour = self.host(receiver)
        self._undo.append(lambda: _ip(*where, "neigh", "del", neighbour, "dev", device))
        _ip(*where, "neigh", "replace", neighbour, "lladdr", NOBODY, "nud", "permanent", "dev", device)

    def heal(self) -> None:
        """Everything arrives again."""
        while self._undo:
            self._undo.pop()()

    def _space(self, number: int) -> str:
        return f"orderlog-{self._maker}-{number}"

    def _link(self, number: int) -> str:
        return f"ol{self._maker}n{number}"


def _remove_left() -> None:
    """Take away what makers left that are gone: one that was killed could not."""
    made = {int(found["maker"]) for found in MADE.finditer(_ip("netns", "list"))}
    made |= {int(found["maker"]) for found in LINKED.finditer(_ip("link", "show"))}
    for maker in made:
        if not psutil.pid_exists(maker):
            _remove(maker)


def _remove(maker: int) -> None:
    with suppress(FileNotFoundError):  # without the command nothing was made
        for found in LINKED.finditer(_ip("link", "show")):
            if int(found["maker"]) == maker:
                _ip("link", "del", found["link"])
        for found in MADE.finditer(_ip("netns", "list")):
            if int(found["maker"]) == maker:
                _ip("netns", "del", found[0])


def _ip(*arguments: str) -> str:
    """What the command says; raises OSError with its words when it fails."""
    done = subprocess.run(["ip", *arguments], capture_output=True, text=True, timeout=COMMAND_SECONDS, check=False)
    if done.returncode:
        raise OSError(f"ip {' '.join(arguments)}: {done.stderr.strip()}")
    return done.stdout
