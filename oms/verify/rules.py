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
    Rule("I-14 whole", "a transaction has as many records in each partition as it says"),
    Rule("I-14 numbers", "the transactions of a producer are numbered without a gap"),
    Rule("I-14 chain", "each event holds the hash of the event before it in its partition"),
    Rule("I-18 schema", "a value is as the schema of its type says"),
    Rule("I-18 bytes", "a value is compact JSON without floats and nulls"),
)

RULES = {rule.name: rule for rule in _RULES}
