"""What was found, as lines for people and as a document for programs."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from oms.verify.findings import Findings, State
from oms.verify.records import Record, Source
from oms.verify.rules import RULES

__all__ = ["Effort", "document", "lines"]

TROUBLES = (State.BROKEN, State.UNCHECKED)


@dataclass(frozen=True, slots=True)
class Effort:
    """What the check cost: records read, seconds, and the most memory that this process held, in MiB."""

    records: int
    seconds: float
    memory_mib: float

    def __str__(self) -> str:
        rate = self.records / self.seconds if self.seconds else 0.0
        return (
            f"{self.records} records in {self.seconds:.1f} s, {rate:,.0f} a second; {self.memory_mib:.0f} MiB of memory "
            "at most"
        )


def lines(findings: Findings, source: Source, effort: Effort) -> Iterator[str]:
    """A line a rule; below them the first offender of each broken one, in full. Raises Unreadable."""
    width = max(map(len, RULES))
    for name, rule in RULES.items():
        state, count = findings.state(rule), findings.checked[name]
        counts = f"{count:>9} checked {findings.violated[name]:>6} violated"
        yield f"{name:<{width}}  {counts}  {state}: {findings.not_applicable.get(name, rule.says)}"
    for what, count in sorted(findings.unjudged.items()):
        yield f"not judged: {count} {what}"
    for name, violation in sorted(findings.first.items()):
        yield f"\n{name}: {violation.what}"
        if violation.place is not None:
            yield from _record_lines(str(violation.place), source.at(violation.place))
    broken = [name for name, state in findings.states.items() if state in TROUBLES]
    yield f"\n{effort}"
    yield f"FAILED: {', '.join(broken)}" if broken else "everything that was checked holds"


def _record_lines(place: str, record: Record | None) -> Iterator[str]:
    yield f"  at {place}" + ("" if record else ", which is not kept any more")
    if record:
        yield f"  key {record.key.decode(errors='backslashreplace')}"
        yield from (f"  {name}: {value.decode(errors='backslashreplace')}" for name, value in record.headers)
        yield f"  {record.value.decode(errors='backslashreplace')}"


def document(findings: Findings, source: Source, effort: Effort) -> Mapping[str, Any]:
    """The same as JSON. Raises Unreadable."""
    rules = {}
    for name, rule in RULES.items():
        rules[name] = {
            "invariant": rule.invariant,
            "says": rule.says,
            "state": findings.state(rule),
            "checked": findings.checked[name],
            "violated": findings.violated[name],
        }
        if why := findings.not_applicable.get(name):
            rules[name]["why"] = why
        if violation := findings.first.get(name):
            record = source.at(violation.place) if violation.place else None
            rules[name]["first"] = {
                "what": violation.what,
                "place": str(violation.place) if violation.place else None,
                "record": _record_document(record) if record else None,
            }
    return {
        "clean": findings.clean,
        "records": effort.records,
        "seconds": round(effort.seconds, 3),
        "memory_mib": round(effort.memory_mib, 1),
        "unjudged": dict(findings.unjudged),
        "rules": rules,
    }


def _record_document(record: Record) -> Mapping[str, Any]:
    return {
        "timestamp": record.timestamp,
        "key": record.key.decode(errors="backslashreplace"),
        "headers": [[name, value.decode(errors="backslashreplace")] for name, value in record.headers],
        "value_base64": b64encode(record.value).decode(),
    }
