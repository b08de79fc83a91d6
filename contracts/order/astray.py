"""Packages that went astray: lost by their carrier, or on their way back. Each is somebody's until it is settled."""

from __future__ import annotations

from enum import StrEnum

from contracts.message import Command, Event, Instant, Value
from contracts.order.refunds import IfShort, RefundApprover, RefundLimits

__all__ = [
    "AstrayLine",
    "PackageFate",
    "PackageSettled",
    "PackageWentAstray",
    "SettlePackage",
    "SettlementRefusal",
    "SettlementRefused",
]


class PackageFate(StrEnum):
    """What became of a package that did not arrive: its carrier lost it, or brings it back to the sender."""

    LOST = "lost"
    RETURNED = "returned"


class AstrayLine(Value):
    """Units of a line in a package that did not arrive."""

    line: str
    quantity: int


class PackageWentAstray(Event):
    """A package that left did not arrive. Its units stay fulfilled; `owner` should act, until it arrives after all or
    somebody settles it. A lost one that comes back is said again."""

    shipment: str
    package: str
    number: int
    fate: PackageFate
    carrier: str
    lines: tuple[AstrayLine, ...]
    owner: str
    occurred_at: Instant


class SettlePackage(Command):
    """A person has done what was to be done about a package that went astray; `detail` says what. With `refund` its
    units are paid back, as far as they were not, with `reship` sent again; above what `approver` may give alone a second
    person has to approve; `limits` say how much, where the seller's settings do. `if_short` says what becomes of units to be sent again that nobody has."""

    package: str
    detail: str
    refund: bool = False
    reship: bool | None = None
    if_short: IfShort | None = None
    approver: RefundApprover = RefundApprover.CSR
    limits: RefundLimits | None = None


class PackageSettled(Event):
    """Nobody has to look after the package any more. `refund` is that of its units, in money or by
    the goods again, where there is one."""

    package: str
    fate: PackageFate
    detail: str
    refund: str | None = None


class SettlementRefusal(StrEnum):
    """Why a package was not settled: no such order; none of its packages by this id is astray; nothing can be paid back
    for it (its money is not taken, or is back already, or the goods
    are being sent again); its goods did not go by a way that anything could be sent again by."""

    UNKNOWN_ORDER = "unknown_order"
    NOT_ASTRAY = "not_astray"
    NOTHING_DUE = "nothing_due"
    NO_WAY = "no_way"


class SettlementRefused(Event):
    """Nothing was settled."""

    package: str
    reason: SettlementRefusal
