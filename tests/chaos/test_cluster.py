"""The one address of three brokers."""

from __future__ import annotations

import socket
import threading
from pathlib import Path

import pytest

from tests.chaos import cluster as clusters
from tests.chaos.__main__ import main
from tests.chaos.cluster import Cluster


def test_a_client_is_led_to_a_broker_that_lets_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # given three brokers of which the second alone listens, and says what it hears
    monkeypatch.setattr(clusters, "classpath", lambda: "")
    cluster = Cluster(tmp_path)
    broker = socket.create_server(("127.0.0.1", cluster.nodes[1].port))

    def answer() -> None:
        connection, _ = broker.accept()
        connection.sendall(connection.recv(100))
        connection.close()

    threading.Thread(target=answer, daemon=True).start()
    # when a client asks at the one address that it knows
    host, _, port = cluster.address.rpartition(":")
    with socket.create_connection((host, int(port)), timeout=10) as client:
        client.sendall(b"who is there?")
        # then it hears that one, and its end
        assert client.recv(100) == b"who is there?"
        assert client.recv(100) == b""
    broker.close()
    cluster.close()


@pytest.mark.parametrize(
    ("arguments", "said"), [(["--rows", "F07"], "on one broker"), (["--three", "--rows", "F13"], "on three")]
)
def test_a_row_is_refused_on_brokers_that_it_is_not_about(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main(arguments)
    assert f"not run {said}" in capsys.readouterr().err
