"""A network that can be cut: between a broker's part of it and the clients, one direction or both, and healed."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.chaos.network import CLIENTS, Network, NoNetwork

ECHO_PORT = 9
HEARD_SECONDS = 1.0
"""For one packet to go and come back on this machine."""
ENDS_SECONDS = 10.0

ECHO = f"""
import socket
place = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
place.bind(("", {ECHO_PORT}))
print("listens", flush=True)
while True:
    said, sender = place.recvfrom(100)
    print(said.decode(), flush=True)
    place.sendto(said, sender)
"""
"""Says what it hears, to who sent it and on its standard output."""


@pytest.fixture
def network() -> Iterator[Network]:
    one = Network((1, 2))
    try:
        one.open()
    except NoNetwork as why:
        pytest.skip(str(why))
    try:
        yield one
    finally:
        one.close()


@pytest.fixture
def echo(network: Network) -> Iterator[subprocess.Popen[str]]:
    """In the part of broker 1."""
    command = network.inside(1, [sys.executable, "-c", ECHO])
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "listens\n"
        yield process
        process.kill()
        process.wait(ENDS_SECONDS)


def answered(network: Network, said: str) -> bool:
    """Whether a client that says something to broker 1 hears the answer."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(HEARD_SECONDS)
        client.sendto(said.encode(), (network.host(1), ECHO_PORT))
        try:
            return client.recv(100) == said.encode()
        except TimeoutError:
            return False


def test_what_is_lost_in_one_direction_arrives_in_the_other(network: Network, echo: subprocess.Popen[str]) -> None:
    # given a broker that answers
    assert answered(network, "before")
    # when what it sends is lost, then what is sent to it, then nothing any more
    network.lose(1, CLIENTS)
    assert not answered(network, "heard and not answered")
    network.heal()
    network.lose(CLIENTS, 1)
    assert not answered(network, "not heard")
    network.heal()
    assert answered(network, "after")
    # then it heard all but what was sent to it meanwhile
    assert echo.stdout is not None
    heard = [echo.stdout.readline().strip() for _ in range(3)]
    assert heard == ["before", "heard and not answered", "after"]


def test_who_is_isolated_hears_nothing_until_it_is_healed(network: Network, echo: subprocess.Popen[str]) -> None:
    assert answered(network, "before")
    network.isolate(1)
    assert not answered(network, "not heard")
    network.heal()
    assert answered(network, "after")
    assert echo.stdout is not None
    assert [echo.stdout.readline().strip() for _ in range(2)] == ["before", "after"]


def test_a_cut_between_two_brokers_is_none_between_them_and_clients(
    network: Network, echo: subprocess.Popen[str]
) -> None:
    network.lose(1, 2)
    network.lose(2, 1)
    assert answered(network, "still there")
    ask = f"import socket; socket.create_connection(({network.host(1)!r}, 1), timeout={HEARD_SECONDS})"
    # A port that nobody listens on refuses whoever reaches it.
    done = subprocess.run(network.inside(2, [sys.executable, "-c", ask]), capture_output=True, text=True, check=False)
    assert "TimeoutError" in done.stderr
    network.heal()
    done = subprocess.run(network.inside(2, [sys.executable, "-c", ask]), capture_output=True, text=True, check=False)
    assert "ConnectionRefusedError" in done.stderr


def made_by(maker: int) -> str:
    """The namespaces and links of a maker that are there now."""
    spaces, links = (
        subprocess.run(["ip", *asked], capture_output=True, text=True, check=True).stdout.splitlines()
        for asked in (["netns", "list"], ["link", "show"])
    )
    return "\n".join(line for line in (*spaces, *links) if f"orderlog-{maker}-" in line or f": ol{maker}" in line)


def test_nothing_is_left_and_what_a_killed_maker_left_is_taken_away(network: Network) -> None:
    # given a network whose maker is gone
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait(ENDS_SECONDS)
    network.close()
    left = Network((1,))
    left._maker, left._bridge = gone.pid, f"ol{gone.pid}b"
    left.open()
    assert made_by(gone.pid)
    # when another is made and closed
    network.open()
    assert made_by(os.getpid())
    network.close()
    # then there is neither
    assert made_by(gone.pid) == ""
    assert made_by(os.getpid()) == ""


def test_who_is_not_root_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(NoNetwork, match="only root"):
        Network((1, 2)).open()
