"""Customers of the demonstration: made up from a household's number, the same on every machine.

The data set knows households by number only. Names are put together from syllables, telephone numbers are of the
range kept for fiction (555-01xx), mail goes to the reserved domain `example`.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256

__all__ = ["PLANTED", "Person", "draw", "person"]

PLANTED = ("@customers.example", "-555-01")
"""What the e-mail address and the telephone number of every customer have: it may stand in no topic of ours."""

FIRST = ("Alva", "Bryn", "Corin", "Delphi", "Esmer", "Fenna", "Galen", "Hollis", "Isolde", "Jorin", "Kestrel", "Lumi")
LAST = ("Amber", "Birch", "Clover", "Dune", "Ember", "Fern", "Gale", "Hazel", "Iris", "Juniper", "Larch", "Maple")
LAST_END = ("brook", "field", "ford", "gate", "mere", "stone", "ward", "wick")
STREETS = ("Sample Street", "Fable Lane", "Pretend Avenue", "Storybook Road", "Fiction Way", "Example Court")
TOWNS = (
    ("Mapletown", "OH", "430"),
    ("Nowhere Springs", "KY", "402"),
    ("Daydream", "IN", "462"),
    ("Paperville", "MI", "489"),
    ("Imagin City", "TN", "372"),
)
"""Towns that do not exist, with the region (second part of ISO 3166-2) and the start of the postcode."""


@dataclass(frozen=True, slots=True)
class Person:
    """A made-up customer: what a label and a letter need."""

    customer_id: str
    name: str
    street: str
    city: str
    region: str
    postcode: str
    country: str
    email: str
    phone: str


def draw(size: int, *parts: object) -> int:
    """A number in [0, size) that the parts decide: chance that is the same on every machine and in every run."""
    text = "\x1f".join(str(part) for part in parts)
    return int.from_bytes(sha256(text.encode()).digest()[:8]) % size


def person(household_id: int) -> Person:
    """The customer that stands for a household."""

    def pick(what: str, choices: tuple[str, ...]) -> str:
        return choices[draw(len(choices), what, household_id)]

    city, region, prefix = TOWNS[draw(len(TOWNS), "town", household_id)]
    return Person(
        customer_id=f"household-{household_id}",
        name=f"{pick('first', FIRST)} {pick('last', LAST)}{pick('end', LAST_END)}",
        street=f"{1 + draw(199, 'house', household_id)} {pick('street', STREETS)}",
        city=city,
        region=region,
        postcode=f"{prefix}{draw(100, 'postcode', household_id):02d}",
        country="US",
        email=f"household-{household_id}@customers.example",
        phone=f"+1-{200 + draw(700, 'area', household_id)}-555-01{draw(100, 'phone', household_id):02d}",
    )
