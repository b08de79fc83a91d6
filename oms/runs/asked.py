"""What may be begun at a door, and the command that it is: a rebuild, a replay into a sandbox, its removal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from chassis.description import shown
from contracts.message import Instant, format_instant

__all__ = ["Asked", "Rebuild", "Removal", "Replay"]

ServiceName = Literal["order", "inventory", "fulfillment", "shipping", "payments"]
RebuiltName = Literal["order", "inventory", "fulfillment", "shipping", "payments", "channels", "console"]
Namespace = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9]{0,30}$")]
Words = Annotated[str, StringConstraints(min_length=1, max_length=1_000)]


class _Asked(BaseModel):
    """`reason`: why it is begun; no name of a person."""

    model_config = ConfigDict(frozen=True)

    reason: Words


class Rebuild(_Asked):
    """All tables of a service made again beside the live ones, and compared; of all without."""

    model_config = shown({"kind": "rebuild", "service": "order", "reason": "a row looks wrong"})

    kind: Literal["rebuild"]
    service: RebuiltName | None = None

    @property
    def arguments(self) -> Sequence[str]:
        """Those of `oms`."""
        return ["rebuild", *_named(self.service), "--json", "--progress"]


class Replay(_Asked):
    """Records of a service's inbox, or of all, played into a sandbox and compared; those that were appended from `since`
    up to `until`. Nobody outside is called."""

    model_config = shown(
        {
            "kind": "replay",
            "service": "order",
            "into": "trial",
            "since": "2026-01-05T00:00:00.000Z",
            "reason": "the rules of sourcing changed",
        }
    )

    kind: Literal["replay"]
    into: Namespace
    service: ServiceName | None = None
    since: Instant | None = None
    until: Instant | None = None

    @model_validator(mode="after")
    def _a_span(self) -> Replay:
        if self.since is not None and self.until is not None and self.since > self.until:
            raise ValueError("`since` is after `until`: nothing would be played")
        return self

    @property
    def arguments(self) -> Sequence[str]:
        """Those of `oms`."""
        moments = (("--since", self.since), ("--until", self.until))
        span = [text for name, at in moments if at is not None for text in (name, format_instant(at))]
        return ["replay", *_named(self.service), "--into", self.into, *span, "--json", "--progress"]


class Removal(_Asked):
    """A sandbox deleted, its topics and tables."""

    model_config = shown({"kind": "removal", "into": "trial", "reason": "nobody looks at it any more"})

    kind: Literal["removal"]
    into: Namespace

    @property
    def arguments(self) -> Sequence[str]:
        """Those of `oms`."""
        return ["replay", "--into", self.into, "--remove", "--json"]


Asked = Annotated[Rebuild | Replay | Removal, Field(discriminator="kind")]


def _named(service: str | None) -> list[str]:
    return [] if service is None else [service]
