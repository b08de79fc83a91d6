"""I-11, I-12 and I-14 over all records together, asked in SQL."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from oms.verify.findings import Findings
from oms.verify.reading import (
    COPY,
    DEAD,
    EVENT,
    FROM_DOOR,
    INBOX,
    INTENT,
    OUTGOING,
    PASSED,
    SENT,
    Reading,
    kind_of,
)
from oms.verify.records import Place
from oms.verify.spill import Spill

__all__ = ["KEPT_MS_MIN", "check_log"]

KEPT_FOR_A_TIME = frozenset({INBOX, INTENT, DEAD})
"""What services write in transactions and that goes after 30 days. What channels write and read is in none."""

KEPT_MS_MIN = 29 * 24 * 60 * 60 * 1_000
"""What is younger is kept (docs/wire.md: 30 days). The day is for clocks that differ."""


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


def check_log(reading: Reading, spill: Spill, findings: Findings, settled: int, now_ms: int) -> None:
    """Ask everything. What was read in a round after `settled` may lack what was written with it: it is not judged.
    `now_ms` is the present, in milliseconds since 1970."""
    _pair_topics(reading, spill)
    for question in _QUESTIONS:
        values = {"settled": settled}
        findings.checked[question.rule] += spill.count(question.cases, values)
        count, first = spill.breaks(question.breaks, values)
        if first is not None:
            findings.broken(question.rule, question.what, Place(reading.topics[first[0]], first[1], first[2]), count)
    _whole(reading, spill, findings, settled)
    _numbers(reading, spill, findings, settled, now_ms)


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


_NUMBERED = """
    select incarnation, number, min(round) as round,
        min((topic, part, off)) filter (where topic is not null) as place, max(appended) as appended
    from (select incarnation, number, round, topic, part, off, appended from transactions
        union all by name select name as incarnation, number, round from open_numbers)
    group by incarnation, number
"""
_PRODUCERS = f"""
    select incarnation, max(number) filter (where round <= $settled) as last,
        case when $cut < 0 then 0 else coalesce(min(number) filter (where appended > $cut), max(number)) end as safe
    from ({_NUMBERED}) group by incarnation
"""
_GAPS = f"""
    select n.incarnation, n.before, n.number, n.before < p.safe as excused, coalesce(n.place, n.place_before) as place
    from (select *, lag(number, 1, 0) over stream as before, lag(place) over stream as place_before
        from ({_NUMBERED}) window stream as (partition by incarnation order by number)) n
    join ({_PRODUCERS}) p using (incarnation)
    where n.number > n.before + 1 and n.round <= $settled
"""


def _numbers(reading: Reading, spill: Spill, findings: Findings, settled: int, now_ms: int) -> None:
    """A transaction that left no event leaves no trace once its records are not kept. A producer works on one after the
    other, so one that followed what the broker took after the cut must have left all that it wrote."""
    numbers = [(*_split(name), found.round) for opened in reading.open.values() for name, found in opened.items()]
    spill.replace("open_numbers", ("name", "number", "round"), numbers)
    cut = _cut(reading, now_ms)
    values = {"settled": settled, "cut": -1 if cut is None else cut}
    lost = f"select * from ({_GAPS}) where not excused"
    excused = spill.count(f"select coalesce(sum(number - before - 1), 0) from ({_GAPS}) where excused", values)
    if excused:
        findings.unjudged["transactions of which nothing is kept any more"] += excused
    findings.checked["I-14 numbers"] += (
        spill.count(f"select coalesce(sum(last), 0) from ({_PRODUCERS})", values) - excused
    )
    first = f"select sum(number - before - 1) over (), * from ({lost}) order by place limit 1"
    for count, incarnation, before, number, _, place in spill.ask(first, values):
        which = f"{before + 1}" if number == before + 2 else f"{before + 1} to {number - 1}"
        what = f"of producer {incarnation} what is numbered {which} is lost; this is of the next that is there"
        findings.broken("I-14 numbers", what, Place(reading.topics[place[0]], place[1], place[2]), int(count))


def _split(transaction: str) -> tuple[str, int]:
    incarnation, _, number = transaction.rpartition(".")
    return incarnation, int(number)


def _cut(reading: Reading, now_ms: int) -> int | None:
    """Until when, by the broker's clock, what a service wrote may be gone from a topic that is kept for a time; None
    where everything is there. What is younger than such topics are kept for is never gone."""
    begins = [
        reading.oldest.get(where, now_ms)
        for where in reading.bounds
        if reading.trimmed(where) and kind_of(where.topic) in KEPT_FOR_A_TIME
    ]
    return min(max(begins), now_ms - KEPT_MS_MIN) if begins else None
