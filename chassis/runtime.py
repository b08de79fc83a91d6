"""One process of a service, from its start to its end: slot, tables, topics, loop, health, graceful stop.

Takes everything as parameters: settings are read by composition roots alone. What ends a process on purpose has an
exit code of its own, so that whoever started it can tell a zombie from a mistake in the set-up.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, TypeVar
from uuid import uuid4

import psutil

from chassis.inbox import Routes
from chassis.kafka import KafkaLog, TopicsMisset, partition_of
from chassis.log import Fenced, Indefinite, LogError, NoPosition, TooManyUnanswered
from chassis.loop import Limits, Loop
from chassis.projection import ProjectionFailed, ProjectionFollower
from chassis.service import FetchNothing, Loader, Service
from chassis.settings import Settings
from chassis.store import Slot, Store, StoreAway
from contracts import topics

__all__ = [
    "Exit",
    "Health",
    "Installation",
    "installation_of",
    "let_follow",
    "run_service",
    "serve_health",
    "stop_requested",
]

log = logging.getLogger("orderlog")

T = TypeVar("T")

SLOTS_MAX = 64
"""Processes that one service may have at once."""

RETRY_SECONDS = 1.0
"""Between attempts to reach a broker or a database that is away."""

STEP_SECONDS = 0.05
"""How long a loop waits for a message before it looks after its followers."""

RESTING_STEP_SECONDS = 0.2
RESTS_AFTER_STEPS = 20
"""How long it waits once so many steps in a row had nothing to handle: a message ends the wait, and what read models follow
of other services is as much older at most."""

PROJECT_SECONDS = 0.25
"""Between two looks of read models at what happened, while there are messages to handle: the more they write at once the
less an event costs."""

STALLED_SECONDS = 15.0
"""A step that takes longer waits for a broker or a database that does not answer, and health says so."""

SLOT_LOOK_SECONDS = 1.0
"""Between looks at whether the slot's lock is still ours; the broker's fencing is what keeps two producers apart."""


class Exit:
    """Exit codes of a service's process."""

    STOPPED = 0
    CRASHED = 1
    SETTINGS = 2
    FENCED = 3
    NO_POSITION = 4
    TOPICS = 5
    UNANSWERED = 6


@dataclass(frozen=True)
class Installation:
    """Where this process finds the others. `inboxes`: every service that messages may go to."""

    bootstrap: str
    database: str
    run_folder: Path
    partitions: int
    namespace: str = ""
    intents_partitions: int = topics.INTENTS_PARTITIONS
    inboxes: tuple[str, ...] = topics.SERVICES


def installation_of(settings: Settings) -> Installation:
    """What the settings say of where the others are."""
    return Installation(
        bootstrap=settings.bootstrap,
        database=settings.database,
        run_folder=Path(settings.home) / "run",
        partitions=settings.partitions,
        namespace=settings.namespace,
        intents_partitions=settings.intents_partitions,
    )


@dataclass
class Health:
    """What a process says of itself; read by its health answer, written by its main thread."""

    name: str
    state: str = "starting"
    last_error: str | None = None
    partitions: dict[int, dict[str, Any]] = field(default_factory=dict)
    stepped_at: float | None = None
    """When its loop last came round (monotonic seconds); None where there is no loop, or before its first step."""
    letters: Mapping[str, Mapping[str, int]] | None = None
    """Where it counts them: what waits for a person in each service, by what it counts. None while nobody knows."""

    def tell(self, waits: str | None) -> None:
        """It waits for what the text says, or runs; what is over stays as the last error."""
        self.state = "waiting" if waits else "running"
        self.last_error = waits or self.last_error

    def document(self) -> dict[str, Any]:
        """The health answer; memory in bytes, positions and lags in offsets."""
        silent = 0.0 if self.stepped_at is None else time.monotonic() - self.stepped_at
        stalled = silent > STALLED_SECONDS and self.state in {"running", "waiting"}
        return {
            "name": self.name,
            "pid": os.getpid(),
            "state": "waiting" if stalled else self.state,
            "last_error": f"its loop has not come round for {silent:.0f} s" if stalled else self.last_error,
            "partitions": self.partitions,
            "memory_bytes": psutil.Process().memory_info().rss,
            **({} if self.letters is None else {"letters": self.letters}),
        }


def serve_health(health: Health, run_folder: Path) -> Callable[[], None]:
    """Answer `/health` on a free port of 127.0.0.1 and write `<run_folder>/<name>.json`; returns what ends it."""

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found = self.path == "/health"
            body = json.dumps(health.document() if found else {"title": "only /health is here"}).encode()
            self.send_response(200 if found else 404)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            """Health is asked every second: no line for it."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    threading.Thread(target=server.serve_forever, daemon=True, name="health").start()
    run_folder.mkdir(parents=True, exist_ok=True)
    place = run_folder / f"{health.name}.json"
    address = f"http://127.0.0.1:{server.server_port}/health"
    started = datetime.now(UTC).isoformat(timespec="seconds")
    place.write_text(json.dumps({"pid": os.getpid(), "started": started, "address": address}))

    def end() -> None:
        server.shutdown()
        server.server_close()
        place.unlink(missing_ok=True)

    return end


def stop_requested() -> Callable[[], bool]:
    """Catch SIGTERM and SIGINT; the function returned says whether one came."""
    asked = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: asked.set())
    return asked.is_set


def run_service(
    service: Service,
    installation: Installation,
    make_loader: Callable[[Store], Loader] = lambda store: FetchNothing(),
    *,
    process_name: str | None = None,
    limits: Limits | None = None,
) -> int:
    """Run one process of `service` until it is asked to stop; its exit code."""
    health = Health(process_name or service.name)
    end_health = serve_health(health, installation.run_folder)
    stop = stop_requested()
    try:
        return _run(service, installation, make_loader, health, stop, limits)
    except Fenced as error:
        health.last_error = str(error)
        log.error("%s: %s; this process ends, the other goes on", health.name, error)
        return Exit.FENCED
    except TooManyUnanswered as error:
        health.last_error = str(error)
        log.error("%s: %s", health.name, error)
        return Exit.UNANSWERED
    except NoPosition as error:
        log.error("%s: %s", health.name, error)
        return Exit.NO_POSITION
    except TopicsMisset as error:
        log.error("%s refuses to start: %s", health.name, error)
        return Exit.TOPICS
    finally:
        end_health()


def _run(
    service: Service,
    installation: Installation,
    make_loader: Callable[[Store], Loader],
    health: Health,
    stop: Callable[[], bool],
    limits: Limits | None,
) -> int:
    store = Store(installation.database, service.schema, service.events)
    slot = _patiently(lambda: _prepare(store), health, stop)
    if slot is None:
        return Exit.STOPPED
    kafka = KafkaLog(installation.bootstrap)
    loop = _patiently(lambda: _loop(service, installation, make_loader, kafka, store, slot, limits), health, stop)
    if loop is None:
        return Exit.STOPPED
    followers = [
        ProjectionFollower(loop.readers, installation.database, store.schema, projection, service.namespace)
        for projection in service.projections
    ]
    try:
        _steps(loop, slot, followers, health, stop)
    finally:
        health.state = "stopping"
        for follower in followers:
            follower.close()
        loop.close()
        slot.release()
        store.close()
    return Exit.STOPPED


def _prepare(store: Store) -> Slot:
    store.create()
    return store.claim_slot(SLOTS_MAX)


def _loop(
    service: Service,
    installation: Installation,
    make_loader: Callable[[Store], Loader],
    kafka: KafkaLog,
    store: Store,
    slot: Slot,
    limits: Limits | None,
) -> Loop:
    kafka.check_topics(
        topics.topics_of_service(
            service.name,
            partitions=installation.partitions,
            namespace=service.namespace,
            intents_partitions=installation.intents_partitions if service.intents else None,
        )
    )
    inboxes = dict.fromkeys(installation.inboxes, installation.partitions)
    return Loop(
        service,
        kafka,
        store,
        make_loader(store),
        Routes(partition_of, inboxes, installation.intents_partitions),
        f"{service.qualified}-{slot.number}",
        clock=lambda: datetime.now(UTC),
        incarnation=lambda: uuid4().hex,
        limits=limits,
    )


def _patiently(attempt: Callable[[], T], health: Health, stop: Callable[[], bool]) -> T | None:
    """Try until it works or we are asked to stop: a broker or database that starts later is no reason to end."""
    while not stop():
        try:
            return attempt()
        except (Fenced, NoPosition, TopicsMisset):
            raise
        except (StoreAway, LogError, LookupError) as error:
            health.state, health.last_error = "waiting", str(error)
            log.warning("%s waits: %s", health.name, error)
            time.sleep(RETRY_SECONDS)
    return None


def _steps(
    loop: Loop, slot: Slot, followers: Sequence[ProjectionFollower], health: Health, stop: Callable[[], bool]
) -> None:
    said: str | None = None
    unfollowed: str | None = None
    look_at = project_at = 0.0
    resting = 0
    health.state, health.last_error = "running", None
    while not stop():
        try:
            handled = loop.step(STEP_SECONDS if resting < RESTS_AFTER_STEPS else RESTING_STEP_SECONDS)
            resting = 0 if handled else resting + 1
        except Indefinite as error:
            # The broker is away and gives no new producer; the next step asks again.
            if said != str(error):
                said = str(error)
                log.warning("%s waits: %s", health.name, error)
            health.state, health.last_error = "waiting", said
            continue
        finally:
            health.stepped_at = time.monotonic()
        if not handled or time.monotonic() > project_at:
            project_at = time.monotonic() + PROJECT_SECONDS
            unfollowed = let_follow(followers, health.name)
        _look(loop, unfollowed, health)
        if loop.waiting != said:
            said = loop.waiting
            log.warning("%s %s", health.name, f"waits: {said}" if said else "goes on")
        if loop.waiting is None and time.monotonic() > look_at:
            look_at = time.monotonic() + SLOT_LOOK_SECONDS
            if _lost(slot):
                raise Fenced("the database forgot the lock of this process's slot, so another process may hold it now")


def let_follow(followers: Sequence[ProjectionFollower], process_name: str) -> str | None:
    """Let every projection follow; why one of them waits, None as long as all is well.

    One that cannot go on never stops the loop: it tries again by itself.
    """
    for follower in followers:
        said = follower.waiting
        try:
            follower.step()
        except (StoreAway, LogError):
            continue
        except ProjectionFailed as error:
            if said != str(error):
                log.error("%s: %s", process_name, error, exc_info=error)
    return next((follower.waiting for follower in followers if follower.waiting), None)


def _lost(slot: Slot) -> bool:
    try:
        return not slot.held()
    except StoreAway:
        return False  # while the database is away nobody else can take it, and the loop will wait


def _look(loop: Loop, unfollowed: str | None, health: Health) -> None:
    """`unfollowed` is why a projection waits; the loop's own trouble is told first."""
    stuck = next((owned.stuck for owned in loop.partitions.owned.values() if owned.stuck), None)
    health.tell(loop.waiting or stuck or unfollowed)
    followed = loop.followed()
    health.partitions = {
        number: {"position": owned.position, "followed_lag": followed.get(number, 0), "waits": owned.waits}
        for number, owned in loop.partitions.owned.items()
    }
