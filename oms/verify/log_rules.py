"""I-11, I-12 and I-14 over all records together, asked in SQL."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from oms.verify.findings import Findings
from oms.verify.reading import COPY, EVENT, FROM_DOOR, OUTGOING, PASSED, SENT, Reading
from oms.verify.records import Partition, Place
from oms.verify.spill import Spill

__all__ = ["check_log"]


@dataclass(frozen=True, slots=True)
class _Question:
    """A rule as a query: `cases` counts what it is about, `breaks` finds (topic, part, off) of what breaks it."""

    rule: str
    cases: str
    breaks: str
    what: str


_VERSIONS = f"""
    select topic, part, off, seq, time, lag(seq, 1, 0) over stream as before, lag(time, 1, 0) over stream as earlier,
        first_value(part) over stream as home
    from records where kind = {EVENT} window stream as (partition by topic, stream order by part, off)
"""

_CAUSES = f"""
    select e.topic, e.part, e.off, e.time, c.time as caused, c.id is null as missing, e.cause = c.id as same
    from records e join pairs on pairs.events = e.topic
    left join (select * from records where kind not in ({EVENT}, {OUTGOING})) c
        on c.topic = pairs.inbox and c.part = e.part and c.off = e.inbox
    left join kept on kept.topic = pairs.inbox and kept.part = e.part
    where e.kind = {EVENT} and e.round <= $settled and e.inbox >= kept.first
        and not exists (select 1 from redriven r
            where r.topic = e.topic and r.part = e.part and r.inbox = e.inbox and r.cause = e.cause)
"""


_QUESTIONS: Sequence[_Question] = (
    _Question(
        "I-11 versions",
        f"select count(*) from records where kind = {EVENT}",
        f"select topic, part, off from ({_VERSIONS}) where seq <> before + 1",
        "its version is not the one after the version before it in its stream",
    ),
    _Question(
        "I-11 partition",
        "select 0",
        f"select topic, part, off from ({_VERSIONS}) where part <> home",
        "its stream lives in another partition too",
    ),
    _Question(
        "I-12 time",
        f"select count(*) from records where kind = {EVENT}",
        f"select topic, part, off from ({_VERSIONS}) where time < earlier",
        "it is earlier than the event before it in its stream",
    ),
    _Question(
        "I-12 time",
        "select 0",
        f"select topic, part, off from ({_CAUSES}) where caused > time and same",
        "it is earlier than its cause",
    ),
    _Question(
        "I-12 cause",
        f"select count(*) from ({_CAUSES})",
        f"select topic, part, off from ({_CAUSES}) where missing or not same",
        "the message at its inbox offset is not its cause, or is not there",
    ),
    _Question(
        "I-12 id",
        "select 0",
        f"""select topic, part, off from (select topic, part, off, count(*) over (partition by id) as many
            from records where kind = {EVENT}) where many > 1""",
        "another event has its id too",
    ),
    _Question(
        "I-12 message",
        f"select count(*) from records where kind = {SENT} and round <= $settled",
        f"""select topic, part, off from records m anti join
            (select cause from records where kind = {EVENT}) e on e.cause = m.cause
            where m.kind = {SENT} and m.round <= $settled""",
        "no event has its cause",
    ),
    _Question(
        "I-12 deadline",
        "select 0",
        f"""select topic, part, off from records m anti join
            (select id from records where kind = {EVENT}) e on e.id = m.cause
            where m.kind = {PASSED} and m.round <= $settled""",
        "no event set it",
    ),
    _Question(
        "I-12 copy",
        f"select count(*) from records where kind = {COPY} and round <= $settled",
        f"""select topic, part, off from records m anti join
            (select id, value from records where kind = {EVENT}) e on e.id = m.id and e.value = m.value
            where m.kind = {COPY} and m.round <= $settled""",
        "no event has its id and its value",
    ),
    _Question(
        "I-12 door",
        f"select count(*) from records where kind = {FROM_DOOR} and round <= $settled",
        f"""select topic, part, off from records m anti join
            (select id from records where kind = {EVENT}) e on e.id = m.cause
            where m.kind = {FROM_DOOR} and m.round <= $settled and m.cause <> m.id""",
        "its cause is neither itself nor an event",
    ),
)


def check_log(reading: Reading, spill: Spill, findings: Findings, settled: int) -> None:
    """Ask everything. What was read in a round after `settled` may lack what was written with it: it is not judged."""
    _pair_topics(reading, spill)
    for question in _QUESTIONS:
        values = {"settled": settled}
        findings.checked[question.rule] += spill.count(question.cases, values)
        count, first = spill.breaks(question.breaks, values)
        if first is not None:
            findings.violated[question.rule] += count - 1
            findings.broken(question.rule, question.what, Place(reading.topics[first[0]], first[1], first[2]))
    _whole(reading, spill, findings, settled)
    _numbers(reading, spill, findings)


def _pair_topics(reading: Reading, spill: Spill) -> None:
    """Which inbox belongs to which events, and from which offset each is kept."""
    numbers: Mapping[str, int] = {topic: number for number, topic in enumerate(reading.topics)}
    pairs = [
        (number, numbers[inbox])
        for topic, number in numbers.items()
        if (inbox := topic.removesuffix("events") + "inbox") in numbers and topic.endswith(".events")
    ]
    kept = [(numbers[topic], number, bounds.first) for (topic, number), bounds in reading.bounds.items()]
    spill.replace("pairs", ("events", "inbox"), pairs)
    spill.replace("kept", ("topic", "part", "first"), kept)


def _whole(reading: Reading, spill: Spill, findings: Findings, settled: int) -> None:
    grouped = """
        select min(round) as round, arg_min((topic, part, off), round) as place, incarnation, number, count(*) as n,
            sum(found) as found, max(places) as places, max(said_all) as said, max(gone) as gone,
            min(places) <> max(places) or min(said_all) <> max(said_all) as unlike
        from transactions group by incarnation, number
    """
    judged = f"({grouped}) where round <= $settled"
    values = {"settled": settled}
    findings.checked["I-14 whole"] += spill.count(f"select count(*) from {judged}", values)
    torn = f"{judged} and (unlike or n > places or n < places - gone or (n = places and found <> said))"
    rows = spill.ask(f"select place, incarnation, number, n, places from {torn} order by place", values)
    for (topic, part, off), incarnation, number, n, places in rows:
        what = f"the transaction {incarnation}.{number} is in {n} partitions, and says {places}"
        findings.broken("I-14 whole", what, Place(reading.topics[topic], part, off))
    partly = spill.count(f"select count(*) from {judged} and n < places and n >= places - gone", values)
    if partly:
        findings.unjudged["transactions of which a part is not kept any more"] += partly
    for opened in reading.open.values():
        for name, transaction in opened.items():
            if transaction.round <= settled:
                what = f"the transaction {name} says {transaction.said} records here, found {transaction.found}"
                findings.expect("I-14 whole", False, what, transaction.place)


def _numbers(reading: Reading, spill: Spill, findings: Findings) -> None:
    """A transaction that left no event leaves no trace once its records are not kept: then gaps prove nothing."""
    rows = spill.ask("select incarnation, count(distinct number), max(number) from transactions group by incarnation")
    trimmed = any(reading.trimmed(Partition(*partition)) for partition in reading.bounds)
    open_numbers: dict[str, set[int]] = {}
    for opened in reading.open.values():
        for name in opened:
            incarnation, _, number = name.rpartition(".")
            open_numbers.setdefault(incarnation, set()).add(int(number))
    for incarnation, count, last in rows:
        missing = last - count - len({number for number in open_numbers.get(incarnation, ()) if number <= last})
        if missing > 0 and trimmed:
            findings.unjudged["producers with gaps, where not everything is kept"] += 1
            continue
        findings.expect("I-14 numbers", missing <= 0, f"{missing} transactions of producer {incarnation} are lost")
