"""What the proxy does with the end of a transaction, before a broker that says what it was asked."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Iterator

import pytest

from tests.chaos.proxy import END_TXN, FIND_COORDINATOR, INIT_PRODUCER_ID, Held, Proxy
from tests.waiting import eventually

FENCED = 90
"""The broker's error where another producer has taken over."""

ENDED_AT = 4
"""Which version of the request the client speaks: its answer has a byte of tags before its content."""


class Broker:
    """It ends a transaction as long as no newer producer was made, and says where it listens itself."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.asked: list[int] = []
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._answer, args=(connection,), daemon=True).start()

    def _answer(self, connection: socket.socket) -> None:
        while frame := connection.recv(1_000):
            key, _, number = struct.unpack_from(">hhi", frame, 4)
            self.asked.append(key)
            fenced = FENCED if INIT_PRODUCER_ID in self.asked else 0
            said = {
                END_TXN: b"\0" + struct.pack(">ih", 0, fenced),
                FIND_COORDINATOR: b"\x0a127.0.0.1" + struct.pack(">i", self.port),
            }
            body = struct.pack(">i", number) + said.get(key, b"")
            connection.sendall(struct.pack(">i", len(body)) + body)

    def close(self) -> None:
        self._listener.close()


@pytest.fixture
def broker() -> Iterator[Broker]:
    made = Broker()
    yield made
    made.close()


@pytest.fixture
def proxy(broker: Broker) -> Iterator[Proxy]:
    made = Proxy(broker.port)
    yield made
    made.close()


class Client:
    """One connection through the proxy."""

    def __init__(self, proxy: Proxy) -> None:
        host, _, port = proxy.address.rpartition(":")
        self.connection = socket.create_connection((host, int(port)), timeout=10)

    def ask(self, key: int) -> None:
        body = struct.pack(">hhi", key, ENDED_AT, key)
        self.connection.sendall(struct.pack(">i", len(body)) + body)

    def answer(self) -> bytes:
        return self.connection.recv(1_000)


def test_a_client_is_told_that_the_broker_is_where_the_proxy_is(proxy: Proxy) -> None:
    client = Client(proxy)
    client.ask(FIND_COORDINATOR)
    assert client.answer().endswith(struct.pack(">i", int(proxy.address.rpartition(":")[2])))


def test_an_answer_that_is_held_back_is_of_a_transaction_that_was_ended(proxy: Proxy, broker: Broker) -> None:
    # given a client whose next end is to be held back
    client = Client(proxy)
    proxy.hold(Held.ANSWER)
    # when it ends its transaction
    client.ask(END_TXN)
    proxy.await_held(10)
    # then the broker has ended it, and the client hears of it when it is let go
    assert broker.asked == [END_TXN]
    client.connection.setblocking(False)
    with pytest.raises(BlockingIOError):
        client.answer()
    assert proxy.let_go() == 0
    client.connection.settimeout(10)
    assert client.answer()


def test_a_request_that_is_held_back_comes_after_another_producer_and_is_refused(proxy: Proxy, broker: Broker) -> None:
    # given a client whose end is held back, and who goes away
    client = Client(proxy)
    proxy.hold(Held.REQUEST)
    client.ask(END_TXN)
    proxy.await_held(10)
    client.connection.close()
    assert broker.asked == []
    # when another producer is made before that is let go
    before, other = proxy.producers, Client(proxy)
    other.ask(INIT_PRODUCER_ID)
    proxy.await_next_producer(before)
    # then the broker refuses it
    assert proxy.let_go() == FENCED
    assert broker.asked == [INIT_PRODUCER_ID, END_TXN]


def test_only_one_end_is_held_back(proxy: Proxy, broker: Broker) -> None:
    proxy.hold(Held.REQUEST)
    first, second = Client(proxy), Client(proxy)
    first.ask(END_TXN)
    proxy.await_held(10)
    second.ask(END_TXN)
    eventually(lambda: broker.asked == [END_TXN], because="the second end at the broker")
    assert second.answer()
