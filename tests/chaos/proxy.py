"""A proxy between one process and the broker, which can hold back the end of a transaction: what the client asks, or what
the broker answers (F12). It knows the frames of Kafka's protocol, and nothing of what is in most of them.

A client asks the broker where brokers are, and would go past the proxy by what it hears: so in those answers the broker's
port is replaced by the proxy's.
"""

from __future__ import annotations

import socket
import struct
import threading
from contextlib import suppress
from enum import Enum
from typing import NamedTuple

from tests.waiting import eventually

__all__ = ["Held", "Proxy"]

METADATA, FIND_COORDINATOR, INIT_PRODUCER_ID, END_TXN = 3, 10, 22, 26
END_TXN_FLEXIBLE = 3
"""From this version of an EndTxn on its answer has a byte of tags before its content."""

THROTTLE_BYTES = 4
HOLD_SECONDS_MAX = 60.0
"""After so long what is held back goes on by itself."""

STEP_SECONDS = 20.0
"""For a client whose request is held back to give it up, and for the broker to answer."""


class Held(Enum):
    """What is kept back: what the client asks, so that it comes too late, or the broker's answer to it."""

    REQUEST = "request"
    ANSWER = "answer"


class _Asked(NamedTuple):
    key: int
    version: int


class Proxy:
    """Listens on a port of its own for clients of the broker at `port`, until it is closed."""

    def __init__(self, port: int) -> None:
        self._broker = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._listener.getsockname()[1]}"
        self._mode: Held | None = None
        self._lock = threading.Lock()
        self._holds, self._go_on = threading.Event(), threading.Event()
        self._ended = threading.Event()
        self._connections: list[socket.socket] = []
        self.producers = 0
        """How many times a producer was made of a transactional id, as far as the broker was asked."""
        self.outcome: int | None = None
        """What the broker answered to what was held back: Kafka's error code, 0 where the transaction was ended."""
        threading.Thread(target=self._accept, daemon=True, name="proxy").start()

    def hold(self, what: Held) -> None:
        """Keep back the next end of a transaction."""
        with self._lock:
            self._holds.clear()
            self._go_on.clear()
            self._ended.clear()
            self.outcome, self._mode = None, what

    def await_held(self, seconds: float) -> None:
        """Wait until something is held back; fails when nothing is."""
        eventually(self._holds.is_set, seconds, "the end of a transaction held back", 0.1)

    def await_next_producer(self, after: int) -> None:
        """Wait until more producers than these were made; fails when none is."""
        eventually(lambda: self.producers > after, STEP_SECONDS, "a new producer after the end that was held back", 0.1)

    def let_go(self) -> int:
        """Let go on what is held back; what the broker answered to it. Fails when it does not answer."""
        self._go_on.set()
        eventually(self._ended.is_set, STEP_SECONDS, "the broker's answer to what was held back", 0.1)
        assert self.outcome is not None
        return self.outcome

    def close(self) -> None:
        """End all connections."""
        self._go_on.set()
        self._listener.close()
        with self._lock:
            for each in self._connections:
                with suppress(OSError):
                    each.shutdown(socket.SHUT_RDWR)
                each.close()

    def _accept(self) -> None:
        with suppress(OSError):  # closed
            while True:
                client, _ = self._listener.accept()
                try:
                    broker = socket.create_connection(("127.0.0.1", self._broker))
                except OSError:  # the broker is away: so is the proxy
                    client.close()
                    continue
                with self._lock:
                    self._connections += [client, broker]
                asked: dict[int, _Asked] = {}
                held: set[int] = set()
                for pump in (self._ask, self._answer):
                    threading.Thread(target=pump, args=(client, broker, asked, held), daemon=True).start()

    def _ask(self, client: socket.socket, broker: socket.socket, asked: dict[int, _Asked], held: set[int]) -> None:
        with suppress(OSError):
            while frame := _frame(client):
                key, version, number = struct.unpack_from(">hhi", frame, 4)
                asked[number] = _Asked(key, version)
                if key == END_TXN and (mode := self._taken()) is not None:
                    held.add(number)
                    if mode is Held.REQUEST:
                        self._holds.set()
                        self._go_on.wait(HOLD_SECONDS_MAX)
                broker.sendall(frame)
        # What was held back may still be answered: the broker is let go of once it has answered all there is.
        with suppress(OSError):
            broker.shutdown(socket.SHUT_WR)

    def _answer(self, client: socket.socket, broker: socket.socket, asked: dict[int, _Asked], held: set[int]) -> None:
        with suppress(OSError):
            while frame := _frame(broker):
                (number,) = struct.unpack_from(">i", frame, 4)
                what = asked.pop(number)
                if what.key in (METADATA, FIND_COORDINATOR):
                    frame = self._here(frame)
                elif what.key == INIT_PRODUCER_ID:
                    self.producers += 1
                if number in held:
                    held.discard(number)
                    self._ended_with(frame, what.version)
                with suppress(OSError):  # a client that gave up hears nothing any more
                    client.sendall(frame)
        with suppress(OSError):
            client.shutdown(socket.SHUT_RDWR)

    def _taken(self) -> Held | None:
        """Whether this one is to be held back; only one is."""
        with self._lock:
            mode, self._mode = self._mode, None
        return mode

    def _ended_with(self, frame: bytes, version: int) -> None:
        start = 8 + (version >= END_TXN_FLEXIBLE) + THROTTLE_BYTES
        (self.outcome,) = struct.unpack_from(">h", frame, start)
        if not self._holds.is_set():  # the answer is what is held back
            self._holds.set()
            self._go_on.wait(HOLD_SECONDS_MAX)
        self._ended.set()

    def _here(self, frame: bytes) -> bytes:
        """The same answer, in which the broker listens where the proxy does."""
        own = self._listener.getsockname()[1]
        return frame.replace(_place(self._broker), _place(own))


def _place(port: int) -> bytes:
    """How an answer says it: the host's text, then the port in four bytes."""
    return b"127.0.0.1" + struct.pack(">i", port)


def _frame(connection: socket.socket) -> bytes:
    """The next message with its length before it; empty when there is none any more."""
    head = _exactly(connection, 4)
    if len(head) < 4:
        return b""
    body = _exactly(connection, struct.unpack(">i", head)[0])
    return head + body


def _exactly(connection: socket.socket, count: int) -> bytes:
    found = bytearray()
    while len(found) < count and (more := connection.recv(count - len(found))):
        found += more
    return bytes(found)
