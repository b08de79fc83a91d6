"""Items and locations: what was said last holds, all but the base unit."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chassis.testing import Spec
from contracts.inventory import (
    DescribeItem,
    DescribeLocation,
    ItemChangeRefused,
    ItemDescribed,
    KitComponent,
    KitRefusal,
    KitRefused,
    LocationAddress,
    LocationDescribed,
    LocationKind,
)
from services.inventory.catalogue import ITEM, LOCATION


def test_what_is_said_of_an_item_replaces_what_was_said_before() -> None:
    spec = Spec(ITEM, "inventory").given(ItemDescribed(sku="TEA", unit="g", description="Tea", category="drinks"))

    spec.when(DescribeItem(sku="TEA", unit="g", description="Black tea", gtin="4006381333931")).then(
        ItemDescribed(sku="TEA", unit="g", description="Black tea", gtin="4006381333931")
    )

    assert (spec.state.described.description, spec.state.described.category) == ("Black tea", None)


def test_the_base_unit_of_an_item_never_changes() -> None:
    spec = Spec(ITEM, "inventory").given(ItemDescribed(sku="TEA", unit="g"))

    spec.when(DescribeItem(sku="TEA", unit="each", description="Tea")).then(
        ItemChangeRefused(sku="TEA", unit="each", expected_unit="g")
    )

    assert spec.state.described == ItemDescribed(sku="TEA", unit="g")


@pytest.mark.parametrize(
    ("components", "reason"),
    [(("SET", "CUP"), KitRefusal.CONTAINS_ITSELF), (("CUP", "POT", "CUP"), KitRefusal.LISTED_TWICE)],
)
def test_components_that_make_no_kit_are_refused_by_name(components: tuple[str, ...], reason: KitRefusal) -> None:
    parts = tuple(KitComponent(sku=sku, quantity=1) for sku in components)
    spec = Spec(ITEM, "inventory").given(ItemDescribed(sku="SET", unit="each"))
    spec.when(DescribeItem(sku="SET", unit="each", components=parts)).then(KitRefused(sku="SET", reason=reason))
    assert spec.state.described.components == ()


def test_an_item_with_components_is_a_kit_until_it_is_described_without() -> None:
    parts = (KitComponent(sku="CUP", quantity=2), KitComponent(sku="POT", quantity=1, weight=5))
    spec = Spec(ITEM, "inventory")
    spec.when(DescribeItem(sku="SET", unit="each", components=parts)).then(
        ItemDescribed(sku="SET", unit="each", components=parts)
    )
    spec.when(DescribeItem(sku="SET", unit="each")).then(ItemDescribed(sku="SET", unit="each"))


def test_what_is_said_of_a_location_replaces_what_was_said_before() -> None:
    spec = Spec(LOCATION, "inventory").given(LocationDescribed(location="berlin", kind=LocationKind.OWN, name="Berlin"))
    address = LocationAddress(city="Berlin", postcode="10115", country="DE")
    command = DescribeLocation(location="berlin", kind=LocationKind.STORE, address=address, time_zone="Europe/Berlin")

    spec.when(command).then(
        LocationDescribed(location="berlin", kind=LocationKind.STORE, address=address, time_zone="Europe/Berlin")
    )

    assert spec.state.described.name is None


# Whatever comes

descriptions = st.builds(
    DescribeItem,
    sku=st.just("SET"),
    unit=st.sampled_from(["each", "each", "g"]),
    description=st.sampled_from([None, "Tea for two"]),
    components=st.lists(
        st.builds(KitComponent, sku=st.sampled_from(["CUP", "POT", "LID", "SET"]), quantity=st.integers(1, 3)),
        max_size=3,
    ).map(tuple),
)


@settings(max_examples=100)
@given(st.lists(descriptions, min_size=1, max_size=10))
def test_an_item_is_what_was_said_last_that_was_not_refused(course: list[DescribeItem]) -> None:
    spec, holds = Spec(ITEM, "inventory"), None
    for command in course:
        [event] = spec.when(command, door="items").events
        parts = [part.sku for part in command.components]
        if holds is not None and command.unit != holds.unit:
            assert isinstance(event, ItemChangeRefused)
        elif "SET" in parts or len(set(parts)) < len(parts):
            assert isinstance(event, KitRefused)
        else:
            holds = ItemDescribed(**dict(command))
        assert spec.state.described == holds
