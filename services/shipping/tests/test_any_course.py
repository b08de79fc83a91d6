"""What holds of a shipment whatever comes, in whatever order, however often."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.chassis import MessageParked
from contracts.shipping import (
    Delivered,
    DispatchShipment,
    LabelIssued,
    PackageLost,
    PackageReturned,
    RecordTracking,
    ShipmentCancelled,
    Shipped,
    TrackingStatus,
)
from services.shipping.shipment import FATES
from services.shipping.tests.test_shipment import CANCEL, CREATE, DISPATCH, ORDER, SERIALS, after, tracking

reports = st.builds(
    tracking,
    st.sampled_from("abcdef"),
    st.sampled_from([TrackingStatus.IN_TRANSIT, *FATES]),
    st.sampled_from(["package-1", "package-2", "package-9"]),
)
commands = st.one_of(reports, st.sampled_from([CREATE, SERIALS, DISPATCH, DispatchShipment(document="h2"), CANCEL]))


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 3), st.lists(commands, max_size=12))
def test_it_leaves_once_or_is_cancelled_and_each_package_is_told_of_after_it_left(
    steps: int, course: list[Any]
) -> None:
    spec, happened = after(), list[Any]()
    for command in [*(CREATE, SERIALS, DISPATCH)[:steps], *course]:
        outside = isinstance(command, RecordTracking)
        outcome = spec.when(command, door="carrier") if outside else spec.when(command, reply_to=ORDER)
        assert outcome.events or not outside, "a message of a door leaves an event"
        happened += outcome.events
    kinds = [type(event) for event in happened]
    assert MessageParked not in kinds
    assert kinds.count(Shipped) <= 1 and kinds.count(LabelIssued) <= 1
    assert Shipped not in kinds or ShipmentCancelled not in kinds[kinds.index(Shipped) :]
    delivered = [event for event in happened if isinstance(event, Delivered)]
    assert len({event.package.package for event in delivered}) == len(delivered)
    assert [event.outstanding for event in delivered] == [1, 0][: len(delivered)]
    told = [event for event in happened if isinstance(event, Delivered | PackageReturned | PackageLost)]
    assert not told or kinds.index(Shipped) < kinds.index(type(told[0]))
    for package in ("package-1", "package-2"):
        fates = [event for event in told if event.package.package == package]
        assert all(isinstance(event, PackageLost) for event in fates[:-1]) and len(fates) <= 2
        assert [getattr(event, "after_lost", False) for event in fates] == [False, True][: len(fates)]
    if spec.state.stage == "shipped":
        assert dict(spec.state.told) == {package: fate.status for package, fate in spec.state.fates.items()}
