"""`python -m tests.golden_logs` draws the log of what is not released yet again, and adds to every log digests of folds
whose version is new; a digest of a released log that is there is never changed. `python -m tests.golden_logs VERSION`
keeps the log as that release's."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from contracts.envelope import Actor
from contracts.ids import stream
from contracts.money import Money
from contracts.order import (
    CUSTOMER,
    AddNote,
    AssignOrder,
    ForgetCustomer,
    ForgetReason,
    HeldStep,
    PlaceHold,
)
from contracts.payments.receivables import RecordBankEntry, UnmatchedReason
from contracts.personal import PersonalContent
from contracts.shipping import CloseManifest
from services.payments.bank_account import bank_stream
from services.shipping.manifest import manifest_stream
from tests.golden_logs.logs_kept import (
    DIGESTS,
    LOGS,
    UNRELEASED,
    digests,
    events_of,
    keep_digests,
    kept_digests,
    log_file,
    read,
    write,
)
from tests.simulation.busy import busy_month, log_of
from tests.simulation.people import sealed
from tests.simulation.world import TENANT, World

SEED = 4
DAYS = 12
DESK = Actor(kind="person", subject="anna")


def month() -> World:
    """A month of orders, and after it what people do beside it, so that no kind of stream is missing."""
    world = busy_month(SEED, DAYS)
    for name, view in sorted(world.views("order", "order").items()):
        world.tell("order", name, AddNote(text=sealed("ada", PersonalContent(notes="rang at noon"))), DESK)
        world.tell("order", name, AssignOrder(owner="anna"), DESK)
        if view.order.open:
            world.tell("order", name, PlaceHold(detail="look", blocks=(HeldStep.RELEASE,)), DESK)
    forgotten = ForgetCustomer(subject="ada", keys_until=world.now, reason=ForgetReason.ASKED)
    world.tell("order", stream(CUSTOMER, "ada"), forgotten, DESK)
    entry = RecordBankEntry(
        account="main",
        entry="b1",
        amount=Money(amount=1000, currency="EUR"),
        booked_on=world.now.date(),
        unmatched=UnmatchedReason.NO_NUMBER,
    )
    world.tell("payments", bank_stream(TENANT, "main"), entry, DESK)
    listed = CloseManifest(carrier="own-fleet", location="north", day=world.now.date(), time_zone="UTC")
    world.tell("shipping", manifest_stream(TENANT, "own-fleet", "north"), listed, DESK)
    return world


def main(arguments: Sequence[str]) -> int:
    version = arguments[0] if arguments else UNRELEASED
    log_file(UNRELEASED).unlink(missing_ok=True)
    write(version, list(events_of(log_of(month()))))
    found = kept_digests() if DIGESTS.exists() else {}
    found.pop(UNRELEASED, None)
    for file in sorted(LOGS.glob("*.jsonl.xz")):
        name = file.name.removesuffix(".jsonl.xz")
        found[name] = {**digests(read(name)), **found.get(name, {})}
    keep_digests(found)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
