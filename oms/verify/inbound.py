"""I-13: what came in and what came of it. I-19: nothing waits without anybody's knowing. I-06: numbers of packages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from oms.verify.facts import OPENED, WAITS
from oms.verify.findings import Findings
from oms.verify.reading import EVENT, FROM_DOOR, Reading
from oms.verify.records import Place, Record
from oms.verify.spill import Spill
from oms.verify.wire import derived_id, instant_of_ms

__all__ = ["check_inbound", "gather_letter", "gather_published"]

TENANT = "default"
"""Whose orders come by `channel.orders`."""


def gather_published(record: Record, spill: Spill) -> None:
    """Keep of an order that a channel published which stream it belongs to; of what is no order none."""
    try:
        value = orjson.loads(record.value)
        order = derived_id(TENANT, "order", value["channel_account"], value["external_id"])
        stream = hash(f"order/{order}")
    except (orjson.JSONDecodeError, KeyError, TypeError):
        stream = 0
    place = Place("channel.orders", record.partition, record.offset)
    spill.add("published", (record.partition, record.offset, instant_of_ms(record.timestamp), stream, str(place)))


def gather_letter(record: Record, topic: int, head: Mapping[str, str], namespace: str, spill: Spill) -> None:
    """Keep of a dead letter where it came from; what says that somebody settled one is none."""
    if "settles" in head:
        return
    place = head.get("place", "").removeprefix(f"{namespace}-" if namespace else "")
    spill.add("letters", (topic, record.partition, record.offset, place, head.get("reason", "")))


def check_inbound(reading: Reading, spill: Spill, findings: Findings, rest_before: int) -> None:
    """All of it. What came in after `rest_before` may still be on its way."""
    names = {topic: number for number, topic in enumerate(reading.topics)}
    inboxes = [(number, f"{topic}/") for topic, number in names.items() if topic.endswith(".inbox")]
    spill.replace("inbox_names", ("topic", "name"), inboxes)
    _ask(reading, spill, findings, "I-13 effect", _EFFECT_CASES, _EFFECTS, "no event has it as its cause")
    values = {"rest": rest_before, "orders": names.get("channel.orders", -1)}
    cases = "select count(*) from published where time < $rest"
    what = "no order came of it, and it is no dead letter"
    _ask(reading, spill, findings, "I-13 published", cases, _PUBLISHED, what, values)
    cases = "select count(*) from letters"
    _ask(
        reading, spill, findings, "I-13 letters", cases, _LETTERS, "it says no reason or place, or one that another has"
    )
    values = {"rest": rest_before}
    _ask(
        reading,
        spill,
        findings,
        "I-19 parked",
        _PARKED_CASES,
        _PARKED,
        "it is parked, and nobody took it since",
        values,
    )
    _ask(reading, spill, findings, "I-19 outside", _WORK_CASES, _WORK, "nobody said what became of it", values)
    cases, what = (
        "select count(*) from (select distinct stream, name from deadlines)",
        "the deadline that it set is due, and was not heard of since",
    )
    _ask(
        reading,
        spill,
        findings,
        "I-19 deadlines",
        cases,
        f"select topic, part, off from ({_OPEN}) where due < $rest",
        what,
        values,
    )
    cases = "select count(*) from labels"
    _ask(reading, spill, findings, "I-06 numbers", cases, _NUMBERS, "another package has its number too")


def _ask(
    reading: Reading,
    spill: Spill,
    findings: Findings,
    rule: str,
    cases: str,
    breaks: str,
    what: str,
    values: Mapping[str, Any] | None = None,
) -> None:
    findings.checked[rule] += spill.count(cases, values or {})
    count, first = spill.breaks(breaks, values or {})
    if first is not None:
        findings.broken(rule, what, Place(reading.topics[first[0]], first[1], first[2]), count)


_HANDLED = f"""
    select pairs.inbox as topic, part, max(e.inbox) as last
    from records e join pairs on pairs.events = e.topic where e.kind = {EVENT} group by all
"""
_HANDLED_DOORS = f"""
    select m.topic, m.part, m.off, m.id from records m join ({_HANDLED}) h on h.topic = m.topic and h.part = m.part
    where m.kind = {FROM_DOOR} and m.off <= h.last
"""
_EFFECT_CASES = f"select count(*) from ({_HANDLED_DOORS})"
_EFFECTS = f"""
    select m.topic, m.part, m.off from ({_HANDLED_DOORS}) m
    anti join (select cause from records where kind = {EVENT}) e on e.cause = m.id
    left join inbox_names n on n.topic = m.topic
    where not exists (select 1 from letters l where l.place = n.name || m.part || '/' || m.off)
"""
_PUBLISHED = f"""
    select $orders as topic, p.part, p.off from published p
    anti join (select stream from records where kind = {EVENT}) e on e.stream = p.stream
    where p.time < $rest and not exists (select 1 from letters l where l.place = p.place)
"""
_LETTERS = """
    select topic, part, off from (select *, count(*) over (partition by place) as many from letters)
    where many > 1 or place = '' or reason = ''
"""
_PARKED_CASES = "select count(*) from parked where change > 0"
_PARKED = """
    select arg_min(topic, time) as topic, arg_min(part, time) as part, arg_min(off, time) as off from parked
    group by message having sum(change) > 0 and max(time) < $rest
"""
_WORK_CASES = f"select count(*) from work where state = {OPENED}"
_WORK = f"""
    select arg_max(topic, (time, off)) as topic, arg_max(part, (time, off)) as part, arg_max(off, (time, off)) as off
    from work
    group by of having max(state) < {WAITS} and max(time) < $rest
"""
_OPEN = """
    select arg_max(topic, off) as topic, arg_max(part, off) as part, max(off) as off, arg_max(due, off) as due
    from deadlines group by stream, name having arg_max(due, off) <> 0
"""
_NUMBERS = """
    select topic, part, off from (select *, min(package) over (partition by sscc) as one,
        max(package) over (partition by sscc) as other from labels) where one <> other
"""
