"""Peers are measured where their tools are, and left out with a reason where they are not."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.peers import tools
from bench.peers.hop import streams
from bench.peers.running import Span, restate
from bench.peers.tools import Absent, restate_server


def test_without_node_restate_is_left_out_with_the_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # given a machine without Node
    monkeypatch.setenv("PATH", str(tmp_path))
    # when the peer is measured, then it says what is absent, and nothing is fetched
    assert "npm" in restate(Span(0.0, 0.0))["absent"]
    with pytest.raises(Absent, match="npm"):
        restate_server()


def test_without_a_jdk_kafka_streams_is_left_out_with_the_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "JDK" in streams(1)["absent"]


def test_a_command_that_cannot_fetch_a_peer_says_its_last_words(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    # given packages of the peers that cannot be had
    lock = tmp_path / "requirements.lock"
    lock.write_text("no-such-package==1.0 --hash=sha256:" + 64 * "0" + "\n")
    monkeypatch.setattr(tools, "HERE", tmp_path)
    monkeypatch.setattr(tools, "FETCHED", tmp_path / "fetched")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    # then the reason names what was looked for
    with pytest.raises(Absent, match="no-such-package"):
        tools.peers_python()
