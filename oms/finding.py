"""What finds orders by a person needs of an installation: the vault, its master key, and the key of digests made with it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import psycopg

from chassis.sealing import FileMasterKey, Sealer
from chassis.settings import Settings
from chassis.store import StoreAway
from chassis.vault import PostgresVault
from oms.demo.site import TENANT
from services.console.people import Digests, PeopleProjection, Seal

__all__ = ["people_asked", "people_of"]


@contextmanager
def people_of(settings: Settings) -> Iterator[Callable[[], PeopleProjection]]:
    """Makes the read model by which people are found, as often as it is wanted. Raises MasterKeyRefused."""
    master_key, vault = FileMasterKey(settings.master_key), PostgresVault(settings.vault)
    try:
        sealer = Sealer(vault, master_key)
        yield lambda: PeopleProjection(Digests(sealer.seal, TENANT), sealer.open_all)
    finally:
        vault.close()


def people_asked(seal: Seal) -> Callable[[str], Sequence[str]]:
    """Digests of what somebody looks for. Raises StoreAway while the vault is away and the key was never made."""
    digests = Digests(seal, TENANT)

    def asked(said: str) -> Sequence[str]:
        try:
            return digests.of_search(said)
        except psycopg.OperationalError as error:
            raise StoreAway("the vault is away, by whose key people are found") from error

    return asked
