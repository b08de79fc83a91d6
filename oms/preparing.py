"""What an installation has before its processes start: topics, the vault, the master key, secrets and the first token.

Each is made where it is missing, and refused where it is not what it has to be. Broker and database must answer;
oms/stack.py starts them.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

from psycopg import OperationalError

from chassis.kafka import KafkaLog
from chassis.log import LogError
from chassis.sealing import FileMasterKey, MasterKeyMisfit, MasterKeyRefused, create_master_key
from chassis.settings import Settings
from chassis.vault import a_key, create_vault
from contracts import topics
from deploy.local.database import database_refusal
from deploy.local.errors import NotReady
from oms.forgetting import forget_again
from oms.secrets import create_sandbox_secrets
from oms.tokens import create_console_token

__all__ = ["Report", "create_keys", "create_topics", "expected_topics", "prepare", "require_database"]

TOPICS_SECONDS = 15.0
"""How long a topic just made may take until every broker knows it."""

POLL_SECONDS = 0.05

Report = Callable[[str], None]
"""Is told what was done, a line at a time."""


def prepare(settings: Settings, report: Report) -> None:
    """Make what every process stands on, where it is missing: topics, vault, master key, the first token.

    Broker and database must answer. Raises StackError, LogError or MasterKeyRefused.
    """
    made = create_topics(settings)
    report(f"{'topics':<11} {f'{len(made)} made' if made else 'all there'}")
    create_keys(settings)
    if not forget_again(settings):
        report(f"{'vault':<11} not all that was recorded of forgetting people was looked at; the workers go on with it")
    if settings.sandbox_port:
        create_sandbox_secrets(settings)
    if create_console_token(settings):
        report(f"{'token':<11} yours, who may do everything, is in {settings.console_token}")


def create_topics(settings: Settings) -> list[str]:
    """Make every topic that is missing, from the one table, and check the others; the names of those made.

    Raises TopicsMisset when a topic is there but set otherwise.
    """
    log = KafkaLog(settings.bootstrap)
    made: list[str] = []
    for service in topics.SERVICES:
        intents = settings.intents_partitions if service in topics.SERVICES_WITH_INTENTS else None
        made += log.create_service_topics(
            service, partitions=settings.partitions, namespace=settings.namespace, intents_partitions=intents
        )
    channels = topics.channel_topics(partitions=settings.partitions, namespace=settings.namespace)
    made += log.create_topics(channels)
    _check_topics(log, settings, TOPICS_SECONDS if made else 0.0)
    return made


def _check_topics(log: KafkaLog, settings: Settings, patience: float) -> None:
    """A topic just made is known to each broker a moment later, and any of them may answer; what is wrong after so many
    seconds is told."""
    deadline = time.monotonic() + patience
    while True:
        try:
            log.check_topics(expected_topics(settings))
        except LogError:
            if time.monotonic() >= deadline:
                raise
            time.sleep(POLL_SECONDS)
        else:
            return


def expected_topics(settings: Settings) -> tuple[topics.TopicSpec, ...]:
    """Every topic that this installation must have."""
    return topics.all_topics(
        partitions=settings.partitions,
        namespace=settings.namespace,
        intents_partitions=settings.intents_partitions,
    )


def create_keys(settings: Settings) -> None:
    """Make the vault and the master key where they are missing.

    Raises NotReady when the vault's database does not answer, and MasterKeyRefused when keys in the vault were wrapped
    by a master key that is not there, or by another: it could read none of them.
    """
    try:
        create_vault(settings.vault)
    except OperationalError as error:
        require_database("vault", settings.vault)
        raise NotReady(f"the vault could not be made: {error}") from error
    kept = a_key(settings.vault)
    if kept is not None:
        _require_master_key(settings.master_key, *kept)
    create_master_key(settings.master_key)


def _require_master_key(path: Path, subject: str, wrapped: bytes) -> None:
    """Raises MasterKeyRefused when what is there does not open a key of the vault."""
    put_back = "put it back from its backup. Without it no personal data that was sealed so far can be read again."
    if not path.exists():
        raise MasterKeyRefused(
            f"the master key in {path} is gone, and the vault holds keys that only it can read: {put_back}"
        )
    try:
        FileMasterKey(path).unwrap(subject, wrapped)
    except MasterKeyMisfit as error:
        raise MasterKeyRefused(
            f"the master key in {path} is not the one that the keys in the vault were wrapped by: {put_back}"
        ) from error


def require_database(setting: str, url: str) -> None:
    """Raises NotReady, with what the server says, when it does not let us in."""
    refusal = database_refusal(url)
    if refusal is not None:
        parts = urlsplit(url)
        raise NotReady(
            f"no database at {parts.hostname}:{parts.port}{parts.path} (the setting {setting}) lets us in: {refusal}"
        )
