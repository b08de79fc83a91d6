"""What a shipment does with every message it takes."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from chassis.decider import Send
from chassis.testing import DAWN, Outcome, Spec
from contracts.address import Area, ShipTo
from contracts.fulfillment import Package, PackageContent
from contracts.ids import aggregate_id, stream
from contracts.message import Command
from contracts.shipping import (
    AllotSerials,
    CancelShipment,
    CreateShipment,
    Delivered,
    DispatchShipment,
    LabelIssued,
    PackageLost,
    PackageReturned,
    RecordTracking,
    SerialsAllotted,
    ShipmentCancelled,
    ShipmentCancelRefused,
    ShipmentCreated,
    ShipmentRefusal,
    ShipmentRefused,
    Shipped,
    TrackingIgnored,
    TrackingRecorded,
    TrackingStatus,
)
from services.shipping.shipment import SHIPMENT, TRACKED_MAX
from services.shipping.sscc import COMPANY_PREFIX, sscc
from services.shipping.sscc_series import SSCC_SERIES

ORDER = "order:order/o1"
SERIES = stream("sscc_series", aggregate_id("default", "sscc_series", COMPANY_PREFIX))


def package(number: int, weight_grams: int = 900) -> Package:
    content = PackageContent(fulfillment_order="f1", line="1", sequence=1, sku="SKU-1", quantity=2, unit="each")
    return Package(package=f"package-{number}", number=number, contents=(content,), weight_grams=weight_grams)


CREATE = CreateShipment(
    order_id="o1",
    fulfillment_order="f1",
    location="north",
    carrier="own-fleet",
    origin=Area(country="DE", region="BE"),
    ship_to=ShipTo(area=Area(country="DE", region="HH")),
    packages=(package(1), package(2)),
)
SERIALS = SerialsAllotted(company_prefix=COMPANY_PREFIX, first=7, count=2)
DISPATCH = DispatchShipment(document="h1", occurred_at=DAWN)
CANCEL = CancelShipment(cause="the customer asked")


def tracking(event_id: str, status: TrackingStatus, of: str = "package-1") -> RecordTracking:
    return RecordTracking(carrier="own-fleet", event_id=event_id, package=of, status=status, occurred_at=DAWN)


def after(*commands: Any) -> Spec:
    spec = Spec(SHIPMENT, "shipping")
    for command in commands:
        spec.when(command, reply_to=ORDER if isinstance(command, CreateShipment) else None)
    return spec


def event_of(outcome: Outcome) -> Any:
    (event,) = outcome.events
    return event


def test_a_shipment_is_created_with_service_and_zone_and_asks_for_its_serial_numbers() -> None:
    outcome = Spec(SHIPMENT, "shipping").when(CREATE, reply_to=ORDER).answered()
    created = event_of(outcome)
    assert isinstance(created, ShipmentCreated)
    assert (created.service, created.zone) == ("standard", "domestic")
    outcome.sends(Send("shipping", SERIES, AllotSerials(company_prefix=COMPANY_PREFIX, count=2), wants_answer=True))


def test_serial_numbers_become_labels_of_every_package() -> None:
    issued = event_of(after(CREATE).when(SERIALS, subject=SERIES).answered(ORDER))
    assert isinstance(issued, LabelIssued)
    assert [label.sscc for label in issued.labels] == [sscc(COMPANY_PREFIX, 7), sscc(COMPANY_PREFIX, 8)]
    assert [(label.weight_grams, label.billed_grams) for label in issued.labels] == [(900, 1_000)] * 2


def test_a_shipment_leaves_with_its_labelled_packages() -> None:
    shipped = event_of(after(CREATE, SERIALS).when(DISPATCH).answered(ORDER))
    assert isinstance(shipped, Shipped)
    assert [parcel.sscc for parcel in shipped.packages] == [sscc(COMPANY_PREFIX, 7), sscc(COMPANY_PREFIX, 8)]
    assert (shipped.document, shipped.occurred_at) == ("h1", DAWN)


@pytest.mark.parametrize(
    ("before", "command", "reason"),
    [
        ((), DISPATCH, ShipmentRefusal.UNKNOWN),
        ((CREATE,), DISPATCH, ShipmentRefusal.NOT_LABELLED),
        ((CREATE, SERIALS, DISPATCH), DispatchShipment(document="h2"), ShipmentRefusal.ALREADY_SHIPPED),
        ((CREATE, CANCEL), DISPATCH, ShipmentRefusal.CANCELLED),
        ((CANCEL,), CREATE, ShipmentRefusal.CANCELLED),
        ((CREATE,), CREATE.model_copy(update={"packages": (package(1),)}), ShipmentRefusal.EXISTS),
        ((), CREATE.model_copy(update={"carrier": "nobody"}), ShipmentRefusal.NO_SERVICE),
        ((), CREATE.model_copy(update={"service_level": "by-balloon"}), ShipmentRefusal.NO_SERVICE),
        ((), CREATE.model_copy(update={"packages": (package(1, 2_000_000),)}), ShipmentRefusal.TOO_HEAVY),
    ],
)
def test_a_step_that_does_not_fit_is_refused_by_name(
    before: tuple[Command, ...], command: Command, reason: ShipmentRefusal
) -> None:
    refused = event_of(after(*before).when(command, reply_to=ORDER).answered(ORDER).sends())
    assert isinstance(refused, ShipmentRefused)
    assert (refused.step, refused.reason) == (type(command).__name__, reason)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"carrier": "nobody"}, "no carrier is called nobody"),
        ({"service_level": "by-balloon"}, "own-fleet has no service by-balloon to where this goes"),
        (
            {"packages": (package(1), package(2, 2_000_000))},
            "own-fleet takes 1000000 g by standard, and a package has 2000000 g",
        ),
    ],
)
def test_a_refusal_says_what_to_mend(changed: dict[str, Any], said: str) -> None:
    assert event_of(after().when(CREATE.model_copy(update=changed))).detail == said


@pytest.mark.parametrize(("before", "again"), [((CREATE,), CREATE), ((CREATE, SERIALS, DISPATCH), DISPATCH)])
def test_the_same_step_again_changes_nothing(before: tuple[Command, ...], again: Command) -> None:
    after(*before).when(again, reply_to=ORDER).then_nothing()


@pytest.mark.parametrize("before", [(CREATE, SERIALS), (CREATE, CANCEL)])
def test_serial_numbers_that_nobody_waits_for_stay_unused(before: tuple[Command, ...]) -> None:
    after(*before).when(SERIALS.model_copy(update={"first": 99}), subject=SERIES).then_nothing()


# Tracking


def test_tracking_is_recorded_in_any_order_and_a_delivery_is_told_once_a_package() -> None:
    spec = after(CREATE, SERIALS, DISPATCH)
    by_label = tracking("e2", TrackingStatus.DELIVERED, sscc(COMPANY_PREFIX, 7))
    recorded, delivered = spec.when(by_label, door="carrier").answered(ORDER).events
    assert isinstance(recorded, TrackingRecorded) and isinstance(delivered, Delivered)
    assert (recorded.package, delivered.package.package, delivered.outstanding) == ("package-1", "package-1", 1)
    assert isinstance(event_of(spec.when(tracking("e1", TrackingStatus.IN_TRANSIT), door="carrier")), TrackingRecorded)
    again = tracking("e3", TrackingStatus.DELIVERED)
    assert isinstance(event_of(spec.when(again, door="carrier").answered()), TrackingRecorded)
    last = spec.when(tracking("e4", TrackingStatus.DELIVERED, "package-2"), door="carrier")
    assert last.events[1].outstanding == 0  # type: ignore[attr-defined]


@pytest.mark.parametrize("before", [(CREATE,), (CREATE, SERIALS)])
def test_what_arrived_before_it_was_said_to_have_left_is_delivered_once_it_has(before: tuple[Any, ...]) -> None:
    spec = after(*before)
    arrived = tracking("e1", TrackingStatus.DELIVERED)
    assert isinstance(event_of(spec.when(arrived, door="carrier").answered()), TrackingRecorded)
    spec.when(SERIALS, subject=SERIES)
    shipped, delivered = spec.when(DISPATCH).answered(ORDER, ORDER).events
    assert isinstance(shipped, Shipped) and isinstance(delivered, Delivered)
    assert (delivered.package.package, delivered.outstanding) == ("package-1", 1)
    assert isinstance(event_of(spec.when(tracking("e2", TrackingStatus.DELIVERED), door="carrier")), TrackingRecorded)


def test_what_arrives_under_void_labels_is_recorded_and_delivers_nothing() -> None:
    spec = after(CREATE, SERIALS, CANCEL)
    outcome = spec.when(tracking("e1", TrackingStatus.DELIVERED), door="carrier").answered()
    assert isinstance(event_of(outcome), TrackingRecorded)


@pytest.mark.parametrize(
    ("status", "told"), [(TrackingStatus.LOST, PackageLost), (TrackingStatus.RETURN_TO_SENDER, PackageReturned)]
)
def test_what_does_not_arrive_is_told_to_the_order_once_a_package(status: TrackingStatus, told: type) -> None:
    spec = after(CREATE, SERIALS, DISPATCH)
    recorded, event = spec.when(tracking("e1", status), door="carrier").answered(ORDER).events
    assert isinstance(recorded, TrackingRecorded) and isinstance(event, told)
    assert isinstance(event, PackageLost | PackageReturned)
    assert (event.package.package, event.carrier) == ("package-1", "own-fleet")
    assert isinstance(event_of(spec.when(tracking("e2", status), door="carrier").answered()), TrackingRecorded)


@pytest.mark.parametrize(
    ("status", "told"), [(TrackingStatus.LOST, PackageLost), (TrackingStatus.RETURN_TO_SENDER, PackageReturned)]
)
def test_what_was_astray_before_it_was_said_to_have_left_is_told_once_it_has(
    status: TrackingStatus, told: type
) -> None:
    spec = after(CREATE, SERIALS, tracking("e1", status))
    shipped, astray = spec.when(DISPATCH).answered(ORDER, ORDER).events
    assert isinstance(shipped, Shipped) and isinstance(astray, told)


@pytest.mark.parametrize(
    ("status", "told"),
    [(TrackingStatus.DELIVERED, Delivered), (TrackingStatus.RETURN_TO_SENDER, PackageReturned)],
)
def test_what_was_lost_may_be_found(status: TrackingStatus, told: type) -> None:
    # given a lost package, when it is heard of after all
    spec = after(CREATE, SERIALS, DISPATCH, tracking("e1", TrackingStatus.LOST))
    _, found = spec.when(tracking("e2", status), door="carrier").answered(ORDER).events
    # then the order hears that too, and a late word that it was lost is recorded alone
    assert isinstance(found, told) and isinstance(found, Delivered | PackageReturned)
    assert found.after_lost
    late = tracking("e3", TrackingStatus.LOST)
    assert isinstance(event_of(spec.when(late, door="carrier").answered()), TrackingRecorded)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (TrackingStatus.DELIVERED, TrackingStatus.RETURN_TO_SENDER),
        (TrackingStatus.RETURN_TO_SENDER, TrackingStatus.DELIVERED),
    ],
)
def test_of_delivered_and_brought_back_the_one_heard_first_stands(
    first: TrackingStatus, second: TrackingStatus
) -> None:
    # what comes back is delivered to us in the end, and some carriers say so in the same word
    spec = after(CREATE, SERIALS, DISPATCH, tracking("e1", first))
    assert isinstance(event_of(spec.when(tracking("e2", second), door="carrier").answered()), TrackingRecorded)


def test_a_lost_package_leaves_its_shipment_outstanding() -> None:
    spec = after(CREATE, SERIALS, DISPATCH, tracking("e1", TrackingStatus.LOST))
    _, delivered = spec.when(tracking("e2", TrackingStatus.DELIVERED, "package-2"), door="carrier").events
    assert isinstance(delivered, Delivered) and delivered.outstanding == 1


def test_two_carriers_may_number_their_events_alike() -> None:
    spec = after(CREATE, SERIALS, DISPATCH, tracking("1", TrackingStatus.IN_TRANSIT))
    last_mile = tracking("1", TrackingStatus.DELIVERED).model_copy(update={"carrier": "bicycles"})
    assert [type(event) for event in spec.when(last_mile, door="carrier").events] == [TrackingRecorded, Delivered]


def test_a_shipment_knows_so_many_tracking_events_again_and_no_more() -> None:
    spec = after(CREATE, SERIALS, DISPATCH)
    reports = [tracking(f"e{number}", TrackingStatus.IN_TRANSIT) for number in range(TRACKED_MAX + 1)]
    spec.given(*(TrackingRecorded(**dict(report)) for report in reports))
    assert len(spec.state.tracked) == TRACKED_MAX
    assert isinstance(event_of(spec.when(reports[1], door="carrier")), TrackingIgnored)
    assert isinstance(event_of(spec.when(reports[0], door="carrier")), TrackingRecorded)


def test_a_carrier_s_clock_that_runs_wrong_changes_nothing_but_the_data() -> None:
    spec = after(CREATE, SERIALS, DISPATCH)
    early = tracking("e1", TrackingStatus.DELIVERED).model_copy(update={"occurred_at": DAWN - timedelta(days=400)})
    _, delivered = spec.when(early, door="carrier").events
    assert delivered.occurred_at == DAWN - timedelta(days=400)  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        (tracking("e1", TrackingStatus.IN_TRANSIT), "repeated"),
        (tracking("e9", TrackingStatus.IN_TRANSIT, "package-9"), "unknown_package"),
    ],
)
def test_tracking_that_tells_nothing_new_leaves_an_event(command: RecordTracking, reason: str) -> None:
    spec = after(CREATE, SERIALS, DISPATCH, tracking("e1", TrackingStatus.IN_TRANSIT))
    ignored = event_of(spec.when(command, door="carrier").answered())
    assert isinstance(ignored, TrackingIgnored) and ignored.reason == reason


# Cancelling


@pytest.mark.parametrize("before", [(CREATE,), (CREATE, SERIALS), (CREATE, CANCEL)])
def test_a_shipment_that_has_not_left_is_cancelled(before: tuple[Command, ...]) -> None:
    cancelled = event_of(after(*before).when(CANCEL, reply_to=ORDER).answered(ORDER))
    assert isinstance(cancelled, ShipmentCancelled) and cancelled.seen


def test_a_shipment_never_seen_is_cancelled_beforehand() -> None:
    cancelled = event_of(after().when(CANCEL, reply_to=ORDER).answered(ORDER))
    assert isinstance(cancelled, ShipmentCancelled) and not cancelled.seen


def test_a_shipment_that_has_left_is_not_cancelled() -> None:
    refused = event_of(after(CREATE, SERIALS, DISPATCH).when(CANCEL, reply_to=ORDER).answered(ORDER))
    assert isinstance(refused, ShipmentCancelRefused)


# Serial numbers


def test_a_series_gives_no_number_twice() -> None:
    spec = Spec(SSCC_SERIES, "shipping", SERIES)
    allotted = [
        event_of(spec.when(AllotSerials(company_prefix=COMPANY_PREFIX, count=count), reply_to=to).answered(to))
        for count, to in ((2, "shipping:shipment/a"), (3, "shipping:shipment/b"))
    ]
    assert [(event.first, event.count) for event in allotted] == [(0, 2), (2, 3)]


def test_what_a_carrier_reports_belongs_to_the_story_of_the_order() -> None:
    spec = after(CREATE, SERIALS, DISPATCH)
    outcome = spec.when(tracking("e1", TrackingStatus.IN_TRANSIT), door="carrier", correlation=spec.name)
    assert outcome.stories == {stream("order", CREATE.order_id)}
