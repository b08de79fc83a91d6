"""What holds of a shipment, of a series of serial numbers and of manifests, whatever comes, in whatever order, however often."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from chassis.testing import DAWN, Spec
from contracts.chassis import MessageParked
from contracts.shipping import (
    AllotSerials,
    Delivered,
    DispatchShipment,
    LabelIssued,
    ManifestClosed,
    PackageLost,
    PackageReturned,
    RecordTracking,
    SerialsAllotted,
    ShipmentCancelled,
    ShipmentCancelRefused,
    ShipmentRefused,
    Shipped,
    TrackingIgnored,
    TrackingRecorded,
    TrackingStatus,
)
from services.shipping.carriers import CARRIERS
from services.shipping.manifest import MANIFEST
from services.shipping.shipment import FATES, Stage
from services.shipping.sscc import COMPANY_PREFIX, sscc
from services.shipping.sscc_series import SSCC_SERIES
from services.shipping.tests.test_manifest import LISTED, NAME, close, waits
from services.shipping.tests.test_shipment import CANCEL, CREATE, DISPATCH, ORDER, SERIALS, SERIES, after, package

OTHER_CONTENTS = CREATE.model_copy(update={"packages": (package(1),)})
TOO_HEAVY = CREATE.model_copy(update={"packages": (package(1, 2_000_000),)})
NOBODY = CREATE.model_copy(update={"carrier": "nobody"})
EXPRESS = CREATE.model_copy(update={"service_level": "express"})
LATE_SERIALS = SERIALS.model_copy(update={"first": 99})
OTHER_HAND_OVER = DispatchShipment(document="h2")

words = st.one_of(
    *(
        st.tuples(st.just(name), st.sampled_from(sorted(carrier.statuses.items())))
        for name, carrier in sorted(CARRIERS.items())
    ),
    st.tuples(st.sampled_from(["bicycles", "own-fleet"]), st.sampled_from([(str(fate), fate) for fate in FATES])),
)
"""A carrier, and one of its words with what it means: of the last mile, which is in no table, our own."""

names = st.sampled_from(["package-1", "package-2", *(sscc(COMPANY_PREFIX, number) for number in (7, 8)), "package-9"])
reports = st.builds(
    lambda said, number, of, days: RecordTracking(
        carrier=said[0],
        event_id=number,
        package=of,
        status=said[1][1],
        detail=said[1][0],
        occurred_at=DAWN + timedelta(days=days),
    ),
    words,
    st.sampled_from("abcdefgh"),
    names,
    st.integers(-400, 3),
)
commands = st.one_of(
    reports,
    reports,
    st.sampled_from([CREATE, SERIALS, DISPATCH, LISTED]),
    st.sampled_from([OTHER_CONTENTS, TOO_HEAVY, NOBODY, EXPRESS, LATE_SERIALS, OTHER_HAND_OVER, CANCEL]),
)
CHANGES_NOTHING = (ShipmentRefused, ShipmentCancelRefused, TrackingIgnored)


@settings(max_examples=200)
@given(st.integers(0, 3), st.lists(commands, min_size=3, max_size=14))
def test_it_leaves_once_or_is_cancelled_and_each_package_is_told_of_after_it_left(
    steps: int, course: list[Any]
) -> None:
    spec, happened = after(), list[Any]()
    for command in [*(CREATE, SERIALS, DISPATCH)[:steps], *course]:
        before, outside = spec.state, isinstance(command, RecordTracking)
        outcome = spec.when(command, door="carrier") if outside else spec.when(command, reply_to=ORDER)
        assert outcome.events or not outside, "a message of a door leaves an event"
        if not outcome.events or isinstance(outcome.events[0], CHANGES_NOTHING):
            assert spec.state == before, "what is refused, or known already, changes nothing"
        happened += outcome.events
    kinds = [type(event) for event in happened]
    assert MessageParked not in kinds
    assert kinds.count(Shipped) <= 1 and kinds.count(LabelIssued) <= 1
    assert Shipped not in kinds or ShipmentCancelled not in kinds[kinds.index(Shipped) :]
    assert LabelIssued not in kinds or kinds.index(LabelIssued) < (*kinds, Shipped).index(Shipped)
    delivered = [event for event in happened if isinstance(event, Delivered)]
    assert len({event.package.package for event in delivered}) == len(delivered)
    count = len(spec.state.packages)
    assert [event.outstanding for event in delivered] == list(range(count))[::-1][: len(delivered)]
    _fates_are_told(happened, [package.package for package in spec.state.packages])
    if spec.state.stage is Stage.SHIPPED:
        assert dict(spec.state.told) == {package: fate.status for package, fate in spec.state.fates.items()}
    _tracking_is_kept(happened)


def _fates_are_told(happened: list[Any], packages: list[str]) -> None:
    """After it left, of each package once, and of one that was lost once more should it turn up."""
    kinds = [type(event) for event in happened]
    told = [event for event in happened if isinstance(event, Delivered | PackageReturned | PackageLost)]
    assert not told or kinds.index(Shipped) < kinds.index(type(told[0]))
    for name in packages:
        fates = [event for event in told if event.package.package == name]
        assert all(isinstance(event, PackageLost) for event in fates[:-1]) and len(fates) <= 2
        assert [getattr(event, "after_lost", False) for event in fates] == [False, True][: len(fates)]


def _tracking_is_kept(happened: list[Any]) -> None:
    """Each report is recorded once, of a package of the shipment, and the first of its arrivals is when it arrived."""
    recorded = [event for event in happened if isinstance(event, TrackingRecorded)]
    assert len({(event.carrier, event.event_id) for event in recorded}) == len(recorded)
    arrivals = [event for event in recorded if event.status is TrackingStatus.DELIVERED]
    for told in (event for event in happened if isinstance(event, Delivered)):
        first = next(event for event in arrivals if event.package == told.package.package)
        assert told.occurred_at == first.occurred_at


@settings(max_examples=100)
@given(st.lists(st.integers(1, 40), min_size=1, max_size=20))
def test_a_series_gives_each_number_once_and_leaves_none_out(counts: list[int]) -> None:
    spec, given_out = Spec(SSCC_SERIES, "shipping", SERIES), list[int]()
    for number, count in enumerate(counts):
        asker = f"shipping:shipment/{number}"
        outcome = spec.when(AllotSerials(company_prefix=COMPANY_PREFIX, count=count), reply_to=asker).answered(asker)
        [allotted] = outcome.events
        assert isinstance(allotted, SerialsAllotted)
        given_out += range(allotted.first, allotted.first + allotted.count)
    assert given_out == list(range(sum(counts)))
    assert len({sscc(COMPANY_PREFIX, number) for number in given_out}) == len(given_out)


@settings(max_examples=100)
@given(st.lists(st.tuples(st.lists(st.integers(0, 12), unique=True), st.booleans()), min_size=1, max_size=8))
def test_a_shipment_is_on_one_manifest_however_old_the_list_of_those_that_wait_is(
    course: list[tuple[list[int], bool]],
) -> None:
    spec, manifests, seen = Spec(MANIFEST, "shipping", NAME), list[ManifestClosed](), set[int]()
    for found, known in course:
        waiting = [waits(str(number), 1 + number % 3) for number in found]
        outcome = close(spec, *waiting, carrier="own-fleet" if known else "nobody")
        [event] = outcome.events
        new = [number for number in found if number not in seen] if known else []
        assert isinstance(event, ManifestClosed) is bool(new)
        if isinstance(event, ManifestClosed):
            manifests.append(event)
            assert list(dict.fromkeys(package.shipment for package in event.packages)) == [str(n) for n in new]
            assert len(outcome.sent) == len(new)
            seen.update(new)
    assert [manifest.number for manifest in manifests] == list(range(1, len(manifests) + 1))
    listed = [package.package for manifest in manifests for package in manifest.packages]
    assert len(set(listed)) == len(listed)
