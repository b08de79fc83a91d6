"""What every message of Orderlog is: a frozen pydantic model with a type name, encoded as compact JSON.

Here live the base classes, the value types that every message shares, and the catalogue of all types. No message
of a service lives here: those have one module an owner (`contracts/inventory.py`), or a package (`contracts/order/`).

Stored formats: what is written once is read for ever, so fields are only ever added, with a default. Readers ignore
fields that they do not know.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from hashlib import sha256
from typing import Annotated, Any, ClassVar, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PlainSerializer

from contracts.canonical import canonical_json

__all__ = [
    "CATALOGUE",
    "Command",
    "Event",
    "Instant",
    "Intent",
    "Message",
    "Value",
    "format_instant",
    "holds_nul",
    "parse_instant",
    "to_milliseconds",
]

CATALOGUE: dict[str, type[Message]] = {}
"""Every message type by its name on the wire (`ce_type`), filled as the modules of `contracts` are imported."""


def to_milliseconds(instant: datetime) -> datetime:
    """Return `instant` in UTC, cut to whole milliseconds: the resolution of everything we store.

    Raises ValueError when it has no time zone (a local time is never an instant), or lies outside the years 1 to 9999.
    """
    if instant.tzinfo is None:
        raise ValueError("an instant needs a time zone, such as 2026-01-31T09:30:00.000Z")
    try:
        utc = instant if instant.tzinfo is UTC else instant.astimezone(UTC)
    except OverflowError as error:
        raise ValueError("an instant lies in the years 1 to 9999 of UTC") from error
    beyond = utc.microsecond % 1000
    return utc.replace(microsecond=utc.microsecond - beyond) if beyond else utc


_WITHOUT_ZONE = len("2026-01-31T09:30:00.000")


def format_instant(instant: datetime) -> str:
    """RFC 3339 in UTC with exactly three decimals: `2026-01-31T09:30:00.000Z`. Sorts as text."""
    return instant.isoformat(timespec="milliseconds")[:_WITHOUT_ZONE] + "Z"


def parse_instant(text: str) -> datetime:
    """The instant that `format_instant` wrote, or any RFC 3339 text with a zone; raises ValueError otherwise."""
    return to_milliseconds(datetime.fromisoformat(text))


_NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")


def holds_nul(value: bytes) -> bool:
    """Whether a text in this JSON holds the character U+0000, which JSON can carry and no table of PostgreSQL keeps."""
    return b"\\u0000" in value and _NUL.search(value) is not None


Instant = Annotated[
    datetime,
    AfterValidator(to_milliseconds),
    PlainSerializer(format_instant, return_type=str, when_used="json"),
]
"""A point in time, UTC, milliseconds."""


class Value(BaseModel):
    """A part of a message: frozen, compared by content, unknown fields ignored."""

    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False, ser_json_inf_nan="null")


def _owner(module: str) -> str:
    """Who owns the messages of a module: `order`, of `contracts.order` and of every room in it. Elsewhere (messages that
    tests make) a module owns its own."""
    top, _, rest = module.partition(".")
    return rest.partition(".")[0] if top == "contracts" else module.rpartition(".")[2]


class Message(Value):
    """Anything that travels in a topic of ours.

    `VERSION` is the version of its format. The name on the wire is `orderlog.<owner>.<Name>.v<VERSION>`, where the
    owner is the module or package of `contracts` that the class is written in.
    """

    VERSION: ClassVar[int] = 1
    TYPE: ClassVar[str] = ""

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        super().__pydantic_init_subclass__(**kwargs)
        if cls.__module__ == __name__:
            return
        cls.TYPE = f"orderlog.{_owner(cls.__module__)}.{cls.__name__}.v{cls.VERSION}"
        if CATALOGUE.setdefault(cls.TYPE, cls) is not cls:
            raise TypeError(f"two messages are named {cls.TYPE}")

    def encode(self) -> bytes:
        """The value as stored: JSON in UTF-8, keys in the order of the model, absent optionals left out."""
        return self.__pydantic_serializer__.to_json(self, exclude_none=True)

    @classmethod
    def decode(cls, value: bytes) -> Self:
        """Read a stored value; raises pydantic.ValidationError when it is not one of this type."""
        return cls.model_validate_json(value)


class Command(Message):
    """A wish addressed to one stream; it may be refused, and the refusal is an event.

    `expected_version` is the version at which whoever sends it saw the stream: at any other nothing is done but
    `CommandOutdated`. Without it the command counts at every version.
    """

    expected_version: Annotated[int, Field(ge=0)] | None = None

    def digest(self) -> str:
        """SHA-256 (hex) of the body as canonical JSON (RFC 8785): tells two bodies under one door id apart.

        A type whose sender repeats itself in other words (a channel order) overrides it.
        """
        return sha256(canonical_json(self.model_dump(mode="json", exclude_none=True))).hexdigest()


class Event(Message):
    """Something that happened in one stream; past tense, never edited.

    `door_digest` stands on the first event of handling a message that may come again, through a door or out of the dead
    letters: the SHA-256 (hex) of that message's body (of a channel order: its fingerprint). With the event's causation id it is the memory by which the
    same message is known when it comes again, and a different body under the same id is told apart.
    """

    door_digest: str | None = None


class Intent(Event):
    """An event that is an intent to act outside (charge, print, send). A copy goes to `<service>.intents`."""
