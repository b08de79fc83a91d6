"""What the settings say about payment providers, as what the worker and the doors stand on."""

from __future__ import annotations

from collections.abc import Mapping

from chassis.settings import Settings
from oms.secrets import first_line, secret_lines
from services.payments.provider import Notices, Provider
from services.payments.provider_ledger import ProviderLedger
from services.payments.providers.sandbox import SandboxNotices, SandboxProvider
from services.payments.providers.sandbox_ledger import SandboxLedger
from services.payments.providers.stripe import StripeProvider
from services.payments.providers.stripe_ledger import StripeLedger
from services.payments.providers.stripe_notices import LOOK_UP_SECONDS, StripeNotices

__all__ = ["SANDBOX_ACCOUNTS", "ledgers_of", "notices_of", "providers_of"]

SANDBOX_ACCOUNTS = ("multi", "single", "incremental")


def providers_of(settings: Settings) -> Mapping[str, Provider]:
    """The providers that are set, by the names that tenders use. Raises SettingsRefused for a file that cannot be
    used."""
    providers: list[Provider] = []
    if settings.sandbox_address:
        key = first_line("sandbox_key_file", settings.sandbox_key)
        providers += [SandboxProvider(settings.sandbox_address, key, account) for account in SANDBOX_ACCOUNTS]
    if settings.stripe_key_file is not None:
        key = first_line("stripe_key_file", settings.stripe_key_file)
        providers.append(StripeProvider(key, settings.stripe_url, incremental=settings.stripe_incremental))
    return {provider.name: provider for provider in providers}


def notices_of(settings: Settings) -> Mapping[str, Notices]:
    """Who reads what each provider tells by itself, by the name in the address that it calls. Raises SettingsRefused
    for a file that cannot be used."""
    readers: list[Notices] = []
    if settings.sandbox_address:
        readers.append(SandboxNotices(secret_lines("sandbox_secrets_file", settings.sandbox_secrets)))
    if settings.stripe_secrets_file is not None and settings.stripe_key_file is not None:
        key = first_line("stripe_key_file", settings.stripe_key_file)
        things = StripeProvider(key, settings.stripe_url, LOOK_UP_SECONDS)
        readers.append(StripeNotices(secret_lines("stripe_secrets_file", settings.stripe_secrets_file), things))
    return {reader.name: reader for reader in readers}


def ledgers_of(settings: Settings) -> Mapping[str, ProviderLedger]:
    """The books of each provider, by its name. Raises SettingsRefused for a file that cannot be used."""
    ledgers: list[ProviderLedger] = []
    if settings.sandbox_address:
        key = first_line("sandbox_key_file", settings.sandbox_key)
        ledgers += [SandboxLedger(settings.sandbox_address, key, account) for account in SANDBOX_ACCOUNTS]
    if settings.stripe_key_file is not None:
        ledgers.append(StripeLedger(first_line("stripe_key_file", settings.stripe_key_file), settings.stripe_url))
    return {ledger.name: ledger for ledger in ledgers}
