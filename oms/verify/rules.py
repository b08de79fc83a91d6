"""Every rule by its name: the invariant of docs/promises.md that it belongs to, and what it says."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["RULES", "Rule"]


@dataclass(frozen=True, slots=True)
class Rule:
    """`may_be_none`: an installation in which nothing of this kind has happened yet is whole all the same."""

    name: str
    says: str
    may_be_none: bool = False

    @property
    def invariant(self) -> str:
        return self.name.partition(" ")[0]


_RULES = (
    Rule("I-01 oversold", "what is available of a SKU at a location is what is free of it, and never below zero"),
    Rule("I-02 stock", "received + found + restocked = on hand + picked + gone, as each event states it"),
    Rule("I-02 claims", "what is reserved is the sum of the claims, as each event states it"),
    Rule("I-03 units", "what is picked, released, expired or broken of a claim is at most what it holds, or all of it"),
    Rule("I-03 closed", "no claim holds anything for an order that is over"),
    Rule("I-03 kept", "of an order that rests, what it calls reserved or released is what its claims hold"),
    Rule(
        "I-04 equation",
        "captured - refunded = kept + the customer's credit, neither below zero but credit while an exchange is out",
    ),
    Rule("I-04 sums", "totals that are stated are the sums of their parts"),
    Rule("I-04 authorised", "no more is captured than was authorised"),
    Rule("I-04 refunded", "no more is refunded than was captured", may_be_none=True),
    Rule("I-04 both", "order and payments agree on what was captured and refunded"),
    Rule("I-04 worth", "of an order that is over, what left is captured, paid by credit, or not to be captured"),
    Rule(
        "I-04 invoiced",
        "of an order that is over and whose invoices are issued, these come to what was captured and paid by credit",
        may_be_none=True,
    ),
    Rule("I-04 owed", "of an order that is over, what the customer is still owed is of a refund that failed"),
    Rule(
        "I-04 value", "stored value: issued = available + held + redeemed + expired, none below zero", may_be_none=True
    ),
    Rule("I-04 numbers", "the documents of a series are numbered 1, 2, 3, …", may_be_none=True),
    Rule("I-05 once", "a provider's books have one entry of a kind for each key", may_be_none=True),
    Rule(
        "I-05 steps",
        "a provider's books have one charge or refund that stands for each part of a capture or refund",
        may_be_none=True,
    ),
    Rule("I-05 ours", "what our events say was made is in the provider's books, to the cent", may_be_none=True),
    Rule("I-05 theirs", "nothing in the provider's books was declined by our events", may_be_none=True),
    Rule("I-06 buckets", "units of a line move between its buckets, and none falls below zero"),
    Rule("I-06 shipped", "no more of a line is shipped than was ordered and not cancelled"),
    Rule("I-06 packages", "a package is in one shipment"),
    Rule("I-06 labels", "a package has one live label"),
    Rule("I-06 numbers", "a package's number (SSCC) is no other package's"),
    Rule("I-06 gone", "of an order that is over, what it calls fulfilled is what left the stock"),
    Rule("I-07 funds", "nothing is released or leaves before it is secured, but what a till handed out"),
    Rule("I-08 cause", "everything in the provider's books was asked for by an event, for its order", may_be_none=True),
    Rule("I-09 ends", "an order that rests is over, or waits for somebody or something by name"),
    Rule("I-10 steps", "of an order that is over, everything it asked for was answered"),
    Rule("I-10 shipments", "of an order that is over, each shipment was shipped or cancelled"),
    Rule("I-10 work", "of an order that is over, each fulfillment order was ended"),
    Rule(
        "I-10 secured",
        "of an order that is over, what is not captured was given back or has lapsed, stored value holds nothing, and nothing is kept of what was charged at the order",
    ),
    Rule("I-11 versions", "the versions of a stream are 1, 2, 3, … in the order of offsets"),
    Rule("I-11 partition", "a stream lives in one partition, the one its key belongs to"),
    Rule("I-11 key", "the key of an event is its stream"),
    Rule("I-12 cause", "what an event names as its cause is the message at the place that it names"),
    Rule("I-12 time", "time never goes back along a stream or from a cause to its event"),
    Rule("I-12 id", "an event's id is its own, and follows from its cause, stream and place in the handling"),
    Rule("I-12 message", "a message was sent with an event of the same cause"),
    Rule("I-12 copy", "an answer or intent is an event, byte for byte"),
    Rule("I-12 door", "a door's message is its own cause, or an event is"),
    Rule(
        "I-12 deadline",
        "a deadline that passed was set by an event, and bears the id of its stream, name and time",
        may_be_none=True,
    ),
    Rule("I-13 order", "an order's stream is that of its channel account and external id, and is placed once"),
    Rule("I-13 effect", "every message that a door let in and that was handled left an event, or is a dead letter"),
    Rule("I-13 published", "every order that a channel published is an order, or a dead letter", may_be_none=True),
    Rule("I-13 letters", "a dead letter says why and where it came from, once", may_be_none=True),
    Rule("I-14 whole", "a transaction has as many records in each partition as it says"),
    Rule("I-14 numbers", "the transactions of a producer are numbered without a gap"),
    Rule("I-14 chain", "each event holds the hash of the event before it in its partition"),
    Rule("I-15 events", "the services' tables hold the events of their topics, and no others"),
    Rule("I-15 deadlines", "the services' tables hold the deadlines that events left open, and no others"),
    Rule("I-16 tables", "the services' tables stand at the event that they name, and have followed what is old"),
    Rule("I-16 groups", "the services' groups have read what is old in their inboxes"),
    Rule("I-16 hanging", "no transaction hangs"),
    Rule("I-18 schema", "a value is as the schema of its type says"),
    Rule("I-18 bytes", "a value is compact JSON without floats and nulls"),
    Rule("I-19 parked", "nothing stays parked", may_be_none=True),
    Rule(
        "I-19 outside", "every call to a provider and every notice came to an end, or waits by name", may_be_none=True
    ),
    Rule("I-19 deadlines", "no deadline that is due is left open"),
    Rule("I-20 canaries", "no planted text is in a topic, but in what outsiders sent"),
)

RULES = {rule.name: rule for rule in _RULES}
