"""Every setting of an installation, read in one place: the environment (`OMS_…`) over one TOML file.

Only composition roots read this; what they build takes plain values. A key that nobody knows, or a value that is not
of its kind, is refused by name: a misspelt setting that is silently ignored costs a day.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self, cast
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_settings import BaseSettings, SettingsConfigDict

from chassis.seller_settings import ByCurrency, Named, RefundLimitSettings, ReturnRulesByName

__all__ = ["SenderSettings", "Settings", "SettingsRefused", "load_settings"]

CONFIG_VARIABLE = "OMS_CONFIG"
OTHER_VARIABLES = frozenset({CONFIG_VARIABLE, "OMS_FAULT", "OMS_TEST_BROKER"})
"""Variables with our prefix that are no settings: where the file is, and what only tests use."""

PORT_MAX = 65_535

HOURS_MAX = 8_760
"""A year."""


class SettingsRefused(ValueError):
    """A setting is unknown or wrong; the text names each, and what it may be."""

    exit_code = 2


def _known_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise ValueError(f"{name!r} is not a time zone of the IANA, such as Europe/Berlin") from error
    return name


MailAddress = Annotated[
    str,
    StringConstraints(
        pattern=r"^[A-Za-z0-9.!#$%&'*+/^_`{|}~-]+@[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?$", max_length=254
    ),
]
"""An address as it stands between angle brackets, in ASCII, without a name; nothing that means more in a header."""


ExceptionList = Literal[
    "held",
    "backorders",
    "past_promise",
    "addresses",
    "rejected",
    "short_picks",
    "payments",
    "refunds_to_approve",
    "refunds",
    "astray",
    "notices",
    "returns_to_decide",
    "returns",
    "documents",
    "bank",
    "dead_letters",
    "standing",
    "deadlines",
]
"""The lists of what waits for a person whose rows have an age."""


class SenderSettings(BaseModel):
    """Who the messages to customers of a brand or seller are from. `from` is the address, `name` what is shown with
    it; files in the folder `templates` go before ours; dates are told in `zone`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    address: MailAddress = Field(default="orders@localhost", alias="from")
    name: Annotated[str, StringConstraints(max_length=100, pattern=r"^[^\x00-\x1f\x7f]*$")] | None = None
    reply_to: MailAddress | None = None
    templates: Path | None = None
    zone: Annotated[str, AfterValidator(_known_zone)] = "UTC"


class Settings(BaseSettings):
    """The settings, each with its default. Documented one by one in docs/settings.md."""

    model_config = SettingsConfigDict(env_prefix="OMS_", extra="forbid", frozen=True)

    namespace: str = Field(
        default="", pattern="^([a-z][a-z0-9]{0,30})?$", description="prefix of topics, groups and schemas"
    )
    home: Path = Field(default=Path(".oms"), description="folder of state, logs and run files")
    bootstrap: str = Field(
        default="127.0.0.1:19092", pattern=r"^[^\s,]+:\d{1,5}$", description="address of the Kafka broker"
    )
    database: str = Field(
        default="postgresql://orderlog@127.0.0.1:15432/orderlog",
        pattern=r"^postgresql://\S+/\w+$",
        description="address of PostgreSQL",
    )
    vault: str = Field(
        default="postgresql://orderlog@127.0.0.1:15432/vault",
        pattern=r"^postgresql://\S+/\w+$",
        description="address of the vault's database",
    )
    master_key_file: Path | None = Field(
        default=None, description="file of the master key; <home>/master.key when not set"
    )
    tokens_file: Path | None = Field(default=None, description="file of tokens; <home>/tokens.toml when not set")
    console_token_file: Path | None = Field(
        default=None, description="file of the token that `oms` itself sends; <home>/console.token when not set"
    )
    partitions: int = Field(
        default=4, ge=1, le=1000, description="partitions of each inbox and events topic; chosen once"
    )
    intents_partitions: int = Field(
        default=16, ge=1, le=1000, description="partitions of each intents topic; chosen once"
    )
    http_host: str = Field(default="127.0.0.1", min_length=1, description="address that the HTTP doors listen on")
    http_port: int = Field(default=8080, ge=1, le=PORT_MAX, description="port of the HTTP doors")
    outbox_folder: Path | None = Field(
        default=None, description="folder of messages to customers; <home>/outbox when not set"
    )
    numbers_folder: Path | None = Field(
        default=None, description="folder of exported events that the console counts; <home>/numbers when not set"
    )
    mail_by: Literal["outbox", "smtp"] = Field(
        default="outbox", description="how messages to customers leave: as files in the outbox, or by a mail server"
    )
    smtp_host: str = Field(default="localhost", min_length=1, description="address of the mail server")
    smtp_port: int = Field(default=587, ge=1, le=PORT_MAX, description="port of the mail server")
    smtp_security: Literal["starttls", "tls", "none"] = Field(
        default="starttls", description="encryption of the connection to the mail server"
    )
    smtp_user: str | None = Field(default=None, min_length=1, description="who we are at the mail server")
    smtp_password_file: Path | None = Field(default=None, description="file of that user's password")
    smtp_ca_file: Path | None = Field(
        default=None, description="file of certificates that the mail server's is checked by; the system's when not set"
    )
    card_provider: str = Field(
        default="sandbox", pattern=r"^[a-z][a-z0-9_-]{0,30}$", description="provider of cards whose tender names none"
    )
    sandbox_port: int = Field(
        default=18_200, ge=0, le=PORT_MAX, description="port of the payment sandbox; 0: none runs"
    )
    sandbox_host: str = Field(default="127.0.0.1", min_length=1, description="address that it listens on")
    sandbox_url: str | None = Field(
        default=None, pattern=r"^https?://\S+[^/]$", description="where it answers; on this machine when not set"
    )
    sandbox_notices_url: str | None = Field(
        default=None, pattern=r"^https?://\S+$", description="where it sends notices; to our doors when not set"
    )
    sandbox_key_file: Path | None = Field(
        default=None, description="file of what lets us in there; <home>/sandbox.key when not set"
    )
    sandbox_secrets_file: Path | None = Field(
        default=None, description="file of what signs its notices; <home>/sandbox.secrets when not set"
    )
    stripe_key_file: Path | None = Field(default=None, description="file of the secret key; no stripe when not set")
    stripe_secrets_file: Path | None = Field(default=None, description="file of what signs stripe's notices")
    stripe_url: str = Field(
        default="https://api.stripe.com", pattern=r"^https?://\S+[^/]$", description="where stripe answers"
    )
    stripe_incremental: bool = Field(
        default=False, description="whether the account there may raise what is held of a card"
    )
    senders: Mapping[str, SenderSettings] = Field(
        default={}, description="who messages are from, by brand or seller; `*` for all others"
    )
    return_rules: Mapping[Named, ReturnRulesByName] = Field(
        default={}, description="rules of returns, by seller and name; `*` for all other sellers"
    )
    label_fees: Mapping[Named, ByCurrency] = Field(
        default={}, description="what a label for the way back costs a customer, by seller and currency"
    )
    refund_limits: Mapping[Named, Mapping[Literal["csr", "finance"], RefundLimitSettings]] = Field(
        default={}, description="how much may be given back, by seller and role"
    )

    exception_hours: Mapping[ExceptionList, Annotated[int, Field(ge=1, le=HOURS_MAX)]] = Field(
        default={}, description="hours within which somebody should have dealt with an exception, by list"
    )

    @field_validator("bootstrap")
    @classmethod
    def _reachable(cls, address: str) -> str:
        if not 1 <= int(address.rpartition(":")[2]) <= PORT_MAX:
            raise ValueError(f"a port is a number from 1 to {PORT_MAX}")
        return address

    @field_validator("database", "vault")
    @classmethod
    def _placed(cls, address: str) -> str:
        parts = urlsplit(address)  # whose port raises ValueError itself when it is none
        if parts.hostname is None or not parts.port:
            raise ValueError("an address has a host and a port: postgresql://USER@HOST:PORT/DATABASE")
        return address

    @model_validator(mode="after")
    def _password_kept(self) -> Self:
        if (self.smtp_user is None) != (self.smtp_password_file is None):
            raise ValueError("smtp_user and smtp_password_file go together: set both or none")
        if self.smtp_user is not None and self.smtp_security == "none":
            raise ValueError(
                "smtp_security none would send the password of smtp_user in the clear: use starttls or tls"
            )
        return self

    @model_validator(mode="after")
    def _cards_taken(self) -> Self:
        if self.card_provider == "stripe" and self.stripe_key_file is None:
            raise ValueError("card_provider stripe needs its key: set stripe_key_file")
        if self.stripe_secrets_file is not None and self.stripe_key_file is None:
            raise ValueError("what stripe tells is looked up there: set stripe_key_file beside stripe_secrets_file")
        if self.card_provider.startswith("sandbox") and self.sandbox_address is None and self.stripe_key_file:
            raise ValueError("card_provider names the sandbox, and there is none: set it to stripe")
        return self

    @property
    def run_folder(self) -> Path:
        """Where each process says its pid and the address of its health answer."""
        return self.home / "run"

    @property
    def logs_folder(self) -> Path:
        """Where each process's log lies."""
        return self.home / "logs"

    @property
    def runs(self) -> Path:
        """Where it lies what operators began at the doors, a folder each."""
        return self.home / "runs"

    @property
    def exception_owners(self) -> Path:
        """Where it is written who looks after exceptions without an order."""
        return self.home / "exception-owners.jsonl"

    @property
    def master_key(self) -> Path:
        """Where the master key lies."""
        return self.master_key_file or self.home / "master.key"

    @property
    def tokens(self) -> Path:
        """Where it is written who may come in."""
        return self.tokens_file or self.home / "tokens.toml"

    @property
    def accounts(self) -> Path:
        """Where the file of accounts lies: beside that of tokens."""
        return self.tokens.with_name("accounts.toml")

    @property
    def console_token(self) -> Path:
        """Where the token lies that `oms` sends."""
        return self.console_token_file or self.home / "console.token"

    @property
    def sandbox_address(self) -> str | None:
        """Where the payment sandbox answers; None where there is none."""
        if self.sandbox_url:
            return self.sandbox_url
        return f"http://127.0.0.1:{self.sandbox_port}" if self.sandbox_port else None

    @property
    def sandbox_notices(self) -> str:
        """Where the sandbox sends its notices."""
        return self.sandbox_notices_url or f"http://{self.http_host}:{self.http_port}/payments/webhooks/sandbox"

    @property
    def sandbox_key(self) -> Path:
        """Where it lies what lets us into the sandbox."""
        return self.sandbox_key_file or self.home / "sandbox.key"

    @property
    def sandbox_secrets(self) -> Path:
        """Where it lies what signs the sandbox's notices: the first line, and others that still count."""
        return self.sandbox_secrets_file or self.home / "sandbox.secrets"

    @property
    def outbox(self) -> Path:
        """Where messages to customers are written."""
        return self.outbox_folder or self.home / "outbox"

    @property
    def numbers(self) -> Path:
        """Where exported events lie that the console counts."""
        return self.numbers_folder or self.home / "numbers"


def load_settings() -> Settings:
    """The settings of this process; raises SettingsRefused naming every one that is unknown or wrong."""
    known = {f"OMS_{name.upper()}" for name in Settings.model_fields} | OTHER_VARIABLES
    unknown = sorted(name for name in os.environ if name.upper().startswith("OMS_") and name not in known)
    if unknown:
        raise SettingsRefused(f"unknown settings in the environment: {', '.join(unknown)}; docs/settings.md lists all")
    given = {key: value for key, value in _file().items() if f"OMS_{key.upper()}" not in os.environ}
    try:
        return Settings(**cast(Any, given))
    except ValidationError as error:
        wrong = [": ".join(filter(None, (".".join(map(str, item["loc"])), item["msg"]))) for item in error.errors()]
        raise SettingsRefused(f"settings refused: {'; '.join(wrong)}") from error


def _file() -> dict[str, object]:
    named = os.environ.get(CONFIG_VARIABLE)
    path = Path(named or "oms.toml")
    if not path.is_file():
        if named:
            raise SettingsRefused(f"{CONFIG_VARIABLE} names {named}, and there is no such file")
        return {}
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise SettingsRefused(f"{path} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise SettingsRefused(f"{path} is not TOML: {error}") from error
