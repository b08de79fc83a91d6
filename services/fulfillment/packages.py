"""Packages as a node says them, when it packs and when it takes something out again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from chassis.decider import Context
from contracts.fulfillment import Package, PackageContent, PackedContent, PackedPackage, PickedLine
from contracts.ids import aggregate_id, split_stream
from services.fulfillment.fulfillment_order_state import Key, content_of, key_of

__all__ = ["now_holds", "numbered_twice", "packages_of"]


def numbered_twice(packages: Sequence[PackedPackage]) -> bool:
    return len({package.number for package in packages}) < len(packages)


def now_holds(packages: Iterable[Package | PackedPackage]) -> dict[int, tuple[int, dict[Key, int]]]:
    """What packages weigh and hold, by their numbers."""
    return {package.number: (package.weight_grams, dict(content_of([package]))) for package in packages}


def packages_of(packed: Iterable[PackedPackage], picked: Iterable[PickedLine], context: Context) -> tuple[Package, ...]:
    """The packages with their ids; what is in them is named as it was picked."""
    lines = {key_of(line): line for line in picked}
    return tuple(_package(package, lines, context) for package in packed)


def _package(packed: PackedPackage, picked: Mapping[Key, PickedLine], context: Context) -> Package:
    _, fulfillment_order = split_stream(context.stream)
    return Package(
        package=aggregate_id(context.tenant, "package", fulfillment_order, str(packed.number)),
        number=packed.number,
        contents=tuple(
            _packed_content(content, picked[content.line, content.sequence], fulfillment_order)
            for content in packed.contents
        ),
        weight_grams=packed.weight_grams,
    )


def _packed_content(packed: PackedContent, picked: PickedLine, fulfillment_order: str) -> PackageContent:
    return PackageContent(
        fulfillment_order=fulfillment_order,
        line=picked.line,
        sequence=picked.sequence,
        sku=picked.sku,
        quantity=packed.quantity,
        unit=picked.unit,
        traced=packed.traced,
    )
