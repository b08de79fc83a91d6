"""Somebody is forgotten in the middle of it all (F34): what was theirs is unreadable wherever it lies, also after everything
was made again from the logs, and stock, money and every other order go on as if nothing had been."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from chassis.sealing import FileMasterKey, PersonalDataForgotten, Sealer, create_master_key
from chassis.vault import MemoryVault
from contracts.channel import ChannelCustomer, ChannelParty, ChannelShipGroup
from contracts.envelope import Actor
from contracts.fulfillment import RecordReturnReceipt, ReturnedItem, ReturnReason
from contracts.ids import guest_subject_id, split_stream, stream, subject_id
from contracts.order import (
    CUSTOMER,
    Bucket,
    ChangeProposed,
    ConfirmChange,
    CustomerForgotten,
    ForgetCustomer,
    ForgetReason,
    GrantRefund,
    HoldKind,
    HoldPlaced,
    OrderCompleted,
    OrderPlaced,
    PlaceHold,
    RefundCause,
    Refunded,
    RefundUnits,
    RequestReturn,
    ReturnRequested,
    ReturnUnitsReceived,
    ReturnWish,
)
from contracts.personal import Personal, PersonalContent, sealed_in
from contracts.shipping import ShipmentCreated
from services.order.change_intake import NewChange, WantedWay, propose_change
from services.order.customers_api import NOBODY_TO_RECEIVE
from services.order.intake import place_order
from services.order.order import ORDER_DESK, units
from services.shipping.papers import FORGOTTEN, Parcel, parcel_of
from tests.simulation.people import Floor, channel_order, order_stream, receive
from tests.simulation.world import KINDS, TENANT, World

ANNA = Actor(kind="person", subject="anna")
SHOP = "webshop"
SEEDS = range(3)


def party(name: str) -> ChannelParty:
    """A person of whom every word is theirs alone."""
    return ChannelParty(
        name=f"{name} Kanarienvogel",
        address_lines=(f"{name}weg 77",),
        city=f"{name}stadt",
        postcode="53111",
        country="DE",
        email=f"{name}@canary.example",
        phone="+49 228 7700177",
    )


class Town:
    """All services, two customers of one shop, a vault, and what the shop does about one of them."""

    def __init__(self, seed: int, folder: Path) -> None:
        self.world = World(seed)
        create_master_key(folder / "master.key")
        self.sealer = Sealer(MemoryVault(), FileMasterKey(folder / "master.key"))
        self.floor = Floor(self.world)

    def orders(self, customer: str, number: str, quantity: int) -> str:
        """A customer has goods sent to themselves; the order's stream."""
        love = f"from {customer} with love"
        address = ChannelShipGroup(group="1", ship_to=party(customer), gift_message=love, complete=True)
        order = channel_order(
            number,
            ("A", quantity, 1000 * quantity),
            ways=[address],
            buyer=party(customer),
            customer=ChannelCustomer(issuer=SHOP, id=customer),
            notes=f"ring at {customer}'s",
        )
        name = order_stream(number)
        self.world.post("order", name, place_order(order, TENANT, self.sealer.seal), door="channel.orders")
        return name

    def forget(self, *subjects: str) -> None:
        """As the door does it: the keys first, then the facts."""
        for subject in subjects:
            self.sealer.seal(subject, PersonalContent(name="somebody"))
            forgotten = self.sealer.forget(subject)
            assert forgotten is not None and forgotten.now
            command = ForgetCustomer(subject=subject, keys_until=forgotten.keys_until, reason=ForgetReason.ASKED)
            self.world.post("order", stream(CUSTOMER, subject), command, actor=ANNA)

    def afterwards(self, order: str) -> None:
        """A unit comes back, and another is paid back for being broken."""
        wish = ReturnWish(line="1", quantity=1, reason=ReturnReason.DEFECTIVE)
        self.world.tell("order", order, RequestReturn(lines=(wish,)), actor=ANNA)
        requested = self.world.of(ReturnRequested)[-1]
        item = RecordReturnReceipt(document="b", location="north", items=(ReturnedItem(sku="A", quantity=1),))
        self.world.tell("fulfillment", stream("return", requested.return_id), item)
        broken = RefundUnits(line="1", quantity=1)
        self.world.tell(
            "order", order, GrantRefund(cause=RefundCause.DAMAGED, lines=(broken,), reason="broken"), actor=ANNA
        )
        self.floor.work()

    def sealed(self, customer: str) -> list[Personal]:
        """Everything personal of a customer that any event holds."""
        return [one for _, event in self.world.events for one in sealed_in(event) if one.subject in subjects(customer)]

    def label(self, order: str) -> Parcel:
        """What the label of the first package of an order would say."""
        created, *_ = [one for one in self.world.of(ShipmentCreated) if one.order_id == split_stream(order)[1]]
        [placed] = [one for one in self.world.of(OrderPlaced) if one.order_id == created.order_id]
        shipment = next(name for name, event in self.world.events if event is created)
        view = self.world.state("shipping", shipment)
        return parcel_of(view.packages[0], created, view.packages, placed, self.sealer.open)


def subjects(customer: str) -> set[str]:
    """The customer as a buyer, and as who receives each of their orders."""
    numbers = {"ada": ("1001", "1003"), "ben": ("1002",)}[customer]
    orders = (split_stream(order_stream(number))[1] for number in numbers)
    return {subject_id(TENANT, SHOP, customer), *(guest_subject_id(TENANT, order, "ship_to:1") for order in orders)}


def lived(seed: int, folder: Path, *, forgotten: set[str]) -> Town:
    """Ada has an order delivered and one that waits for goods when somebody is forgotten; Ben has one under way."""
    folder.mkdir()
    town = Town(seed, folder)
    receive(town.world, "A", "north", 5)
    town.orders("ada", "1001", 3)
    town.floor.work()
    town.orders("ben", "1002", 2)
    town.orders("ada", "1003", 4)
    town.world.run()
    town.forget(*sorted(forgotten))
    town.world.run()
    town.floor.work()
    receive(town.world, "A", "north", 9)
    town.floor.work()
    town.afterwards(order_stream("1001"))
    return town


@pytest.mark.parametrize("seed", SEEDS)
def test_what_was_theirs_is_unreadable_wherever_it_lies_and_the_others_is_not(seed: int, tmp_path: Path) -> None:
    town = lived(seed, tmp_path / "town", forgotten=subjects("ada"))
    assert {one.subject for one in town.sealed("ada")} == subjects("ada")
    for one in town.sealed("ada"):
        with pytest.raises(PersonalDataForgotten):
            town.sealer.open(one)
    assert "ben Kanarienvogel" in {town.sealer.open(one).name for one in town.sealed("ben")}
    # and never was it in the clear in any message or state
    written = [letter.letter.value for letter in town.world.handled]
    written += [event.value for _, events in town.world.written for event in events]
    assert len(written) > 100
    for customer in ("ada", "ben"):
        for text in (b"Kanarienvogel", f"{customer}weg", f"{customer}stadt", "canary.example", "7700177", "with love"):
            needle = text if isinstance(text, bytes) else text.encode()
            assert [value for value in written if needle in value] == []


@pytest.mark.parametrize("seed", SEEDS)
def test_stock_and_money_and_every_order_are_as_if_nothing_had_been(seed: int, tmp_path: Path) -> None:
    town = lived(seed, tmp_path / "town", forgotten=subjects("ada"))
    strangers = {guest_subject_id(TENANT, "of no order", role) for role in "abc"}
    # Keys are made at random: what is sealed in the other life is not the same bytes.
    other = lived(seed, tmp_path / "other", forgotten=strangers)
    assert {event.subject for event in town.world.of(CustomerForgotten)} == subjects("ada")
    for service in KINDS:
        assert told(town, service) == told(other, service)
    for number in ("1001", "1002", "1003"):
        assert town.world.state("order", order_stream(number)).order.ended == OrderCompleted.__name__
    assert len(town.world.of(OrderCompleted)) == len(other.world.of(OrderCompleted)) >= 3
    assert town.world.of(Refunded)
    assert town.world.of(ReturnUnitsReceived)
    assert units(town.world.state("order", order_stream("1003")).order, Bucket.DELIVERED) == 4


def told(town: Town, service: str) -> dict[str, list[Any]]:
    """Every event of a service by its stream, but for who was forgotten, and without what is sealed."""
    names = sorted(name for of, name in town.world.streams if of == service and not name.startswith(f"{CUSTOMER}/"))
    return {
        name: [
            (type(event), _blanked(event.model_dump(mode="json"))) for event, *_ in town.world.history(service, name)
        ]
        for name in names
    }


def _blanked(value: Any) -> Any:
    """A body's digest and fingerprint are of what is sealed in it, too."""
    if isinstance(value, dict):
        hidden = {"ciphertext", "door_digest", "fingerprint"}
        return {name: _blanked(part) for name, part in value.items() if name not in hidden}
    return [_blanked(part) for part in value] if isinstance(value, list) else value


@pytest.mark.parametrize("seed", SEEDS)
def test_all_is_made_again_from_the_logs_and_is_what_it_was(seed: int, tmp_path: Path) -> None:
    town = lived(seed, tmp_path / "town", forgotten=subjects("ada"))
    before = dict(town.world.streams)
    for service in KINDS:
        town.world.die(service)  # which compares each stream with what its log comes to
    assert town.world.streams == before


def test_an_order_whose_recipient_was_forgotten_has_a_label_that_says_so(tmp_path: Path) -> None:
    town = lived(0, tmp_path / "town", forgotten=subjects("ada"))
    assert town.label(order_stream("1003")).recipient == (FORGOTTEN, "531 DE")
    assert town.label(order_stream("1002")).recipient[0] == "ben Kanarienvogel"


def test_an_open_order_of_who_was_forgotten_is_somebodys_until_it_is_said_where_it_goes(tmp_path: Path) -> None:
    # Given an order that waits for goods when its recipient is forgotten, and that is held as the door does it
    (tmp_path / "town").mkdir()
    town = Town(0, tmp_path / "town")
    receive(town.world, "A", "north", 1)
    order = town.orders("ada", "1003", 2)
    town.floor.work()
    town.forget(guest_subject_id(TENANT, split_stream(order)[1], "ship_to:1"))
    hold = PlaceHold(kind=HoldKind.MISSING_ADDRESS, detail=NOBODY_TO_RECEIVE)
    town.world.tell("order", order, hold, actor=ANNA)

    # When the goods are there
    receive(town.world, "A", "north", 5)
    town.floor.work()

    # Then nothing is sent, and the order says who has to do what
    assert town.world.of(ShipmentCreated) == []
    [held] = town.world.of(HoldPlaced)
    assert town.world.state("order", order).order.holds.keys() == {held.hold}
    assert (held.detail, held.owner) == (NOBODY_TO_RECEIVE, ORDER_DESK)

    # When it is said where it goes now
    [placed] = town.world.of(OrderPlaced)
    wish = NewChange(groups=(WantedWay(group="1", ship_to=party("zoe")),))
    town.world.tell("order", order, propose_change(wish, placed, "k1", town.sealer.seal, None), actor=ANNA)
    change = town.world.of(ChangeProposed)[-1].change
    town.world.tell("order", order, ConfirmChange(change=change), actor=ANNA)
    town.floor.work()

    # Then it goes there
    assert town.world.state("order", order).order.ended == OrderCompleted.__name__
    assert town.label(order).recipient[0] == "zoe Kanarienvogel"
