"""Tables of figures beside the key figures: how long orders take to each step, what left by day beside earlier days, how
many customers came again, and what each is worth; each figure with its formula and the events behind it.

The facts that they are made of are facts.sql. Customers are their pseudonymous subjects, as the export has them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import duckdb

from oms.numbers.facts import Row, ask
from oms.numbers.kpis import EVIDENCE_MAX, By

__all__ = ["ROWS_MAX", "STUDIES", "Study", "events_behind", "rows_of"]

ROWS_MAX = 50_000
"""Rows that a table has at most; one more is given where there are more."""


@dataclass(frozen=True, slots=True)
class Study:
    """A table of figures. `facts` is what they are counted over, `{part}` among it being what tells parts of an order
    apart, as a column of line_facts; `evidence` has the events behind each figure, with the same keys, and under `told`
    what each of them adds."""

    keys: tuple[str, ...]
    formulas: Mapping[str, str]
    facts: str
    evidence: Mapping[str, str]
    grouping: str = "group by all"
    order: str = "order by all"


_PLACE = (
    "list_position(['placed', 'confirmed', 'reserved', 'released', 'picked', 'packed', 'fulfilled', 'delivered',"
    " 'completed'], step)"
)
"""The place of a step among those that orders come to, one after the other."""

_SPAN = "l.day >= $since and l.day < $until"

_CAME = f"""
    with came as (
        select order_stream, step, event, {_PLACE} as place,
            (epoch_ms(time) - epoch_ms(lag(time) over way)) / 3600000 as hours,
            (epoch_ms(time) - epoch_ms(min(time) over (partition by order_stream))) / 3600000 as hours_since_placed
        from steps window way as (partition by order_stream order by time, {_PLACE})
    ),
    ways as (select distinct l.order_stream, cast({{part}} as varchar) as part from line_facts l where {_SPAN})
    select c.*, w.part from came c join ways w using (order_stream) where c.step <> 'placed'
"""

_HOURS = f"select event, order_stream, part, step, hours as told from ({_CAME}) c"
_SINCE_PLACED = f"select event, order_stream, part, step, hours_since_placed as told from ({_CAME}) c"

CYCLE_TIMES = Study(
    keys=("part", "step"),
    formulas={
        "orders": "count(*)",
        "hours_p50": "quantile_cont(hours, 0.5)",
        "hours_p90": "quantile_cont(hours, 0.9)",
        "hours_p99": "quantile_cont(hours, 0.99)",
        "since_placed_p50": "quantile_cont(hours_since_placed, 0.5)",
        "since_placed_p90": "quantile_cont(hours_since_placed, 0.9)",
    },
    facts=_CAME,
    evidence={
        "orders": _HOURS,
        "hours_p50": _HOURS,
        "hours_p90": _HOURS,
        "hours_p99": _HOURS,
        "since_placed_p50": _SINCE_PLACED,
        "since_placed_p90": _SINCE_PLACED,
    },
    order="order by part, min(place)",
)

_LEFT = """
    select u.event, u.order_stream, cast(u.time as date) as day, l.currency, cast({part} as varchar) as part, u.quantity,
        u.amount
    from left_units u join line_facts l using (order_stream, line)
"""

_SALES = f"""
    with sold as (
        select day, currency, part, count(distinct order_stream) as orders, sum(quantity) as units, sum(amount) as revenue
        from ({_LEFT}) s group by all
    ),
    span as (select greatest(first_day, $since) as since, least(day_after, $until) as until, first_day from exported_days),
    days as (select cast(unnest(generate_series(since, until - 1, interval 1 day)) as date) as day from span),
    kinds as (select distinct s.currency, s.part from sold s, span where s.day >= span.since - $back and s.day < span.until)
    select d.day, k.currency, k.part, coalesce(s.orders, 0) as orders, coalesce(s.units, 0) as units,
        coalesce(s.revenue, 0) as revenue, case when d.day - $back >= span.first_day then coalesce(b.revenue, 0) end as before
    from days d cross join kinds k cross join span
    left join sold s on s.day = d.day and s.currency = k.currency and s.part = k.part
    left join sold b on b.day = d.day - $back and b.currency = k.currency and b.part = k.part
"""

_SOLD = f"""
    select event, order_stream, part, cast(day as varchar) as day, currency, amount as told
    from ({_LEFT}) s where day >= $since and day < $until
"""
_SOLD_BEFORE = f"""
    select event, order_stream, part, cast(day + $back as varchar) as day, currency, amount as told
    from ({_LEFT}) s where day + $back >= $since and day + $back < $until
"""

SALES = Study(
    keys=("part", "day", "currency"),
    formulas={
        "orders": "sum(orders)",
        "units": "sum(units)",
        "revenue": "sum(revenue)",
        "revenue_before": "sum(before)",
        "change": "sum(revenue) filter (before is not null) / nullif(sum(before), 0) - 1",
    },
    facts=_SALES,
    evidence={
        "orders": _SOLD,
        "units": _SOLD,
        "revenue": _SOLD,
        "revenue_before": _SOLD_BEFORE,
        "change": f"{_SOLD} union all {_SOLD_BEFORE}",
    },
    grouping="group by grouping sets ((part, day, currency), (part, currency))",
    order="order by part, currency, day nulls first",
)

_CUSTOMERS = f"""
    with placed as (
        select order_stream, row_number() over (partition by customer order by time, order_stream) as nth from order_heads
    )
    select cast({{part}} as varchar) as part, l.currency, l.customer, count(distinct l.order_stream) as orders,
        sum(l.ordered_value) as ordered_value, sum(l.revenue) as revenue, sum(l.returned) as returned,
        min(p.nth) as first_order, max(p.nth) as last_order, min(l.day) as first_day, max(l.day) as last_day
    from line_facts l join placed p using (order_stream) where {_SPAN} group by all
"""


def _orders(which: str) -> str:
    """The events that placed orders of the span, and how many orders of the same customer each makes."""
    return f"""
        with placed as (
            select order_stream, event as placed,
                row_number() over (partition by customer order by time, order_stream) as nth
            from order_heads
        )
        select distinct p.placed as event, l.order_stream, cast({{part}} as varchar) as part, l.currency, l.customer,
            case when l.customer is not null then p.nth end as told
        from line_facts l join placed p using (order_stream) where {_SPAN} and {which}
    """


_REVENUE = f"""
    select u.event, u.order_stream, cast({{part}} as varchar) as part, l.currency, l.customer, u.amount as told
    from left_units u join line_facts l using (order_stream, line) where {_SPAN} and l.customer is not null
"""

_KNOWN = _orders("l.customer is not null")

REPEAT_CUSTOMERS = Study(
    keys=("part", "currency"),
    formulas={
        "customers": "count(customer)",
        "new_customers": "count(customer) filter (first_order = 1)",
        "repeat_customers": "count(customer) filter (last_order > 1)",
        "repeat_rate": "count(customer) filter (last_order > 1) / nullif(count(customer), 0)",
        "orders_a_customer": "sum(orders) filter (customer is not null) / nullif(count(customer), 0)",
        "revenue_a_customer": "sum(revenue) filter (customer is not null) / nullif(count(customer), 0)",
        "guest_orders": "coalesce(sum(orders) filter (customer is null), 0)",
    },
    facts=_CUSTOMERS,
    evidence={
        "customers": _KNOWN,
        "new_customers": _orders("l.customer is not null and p.nth = 1"),
        "repeat_customers": _orders("l.customer is not null and p.nth > 1"),
        "repeat_rate": _orders("l.customer is not null and p.nth > 1"),
        "orders_a_customer": _KNOWN,
        "revenue_a_customer": _REVENUE,
        "guest_orders": _orders("l.customer is null"),
    },
)

CUSTOMERS = Study(
    keys=("part", "customer", "currency"),
    formulas={
        "orders": "sum(orders)",
        "ordered_value": "sum(ordered_value)",
        "revenue": "sum(revenue)",
        "average_order_value": "sum(ordered_value) / sum(orders)",
        "returned_units": "sum(returned)",
        "orders_so_far": "max(last_order)",
        "first_day": "min(first_day)",
        "last_day": "max(last_day)",
    },
    facts=f"select * from ({_CUSTOMERS}) c where customer is not null",
    evidence={
        "orders": _KNOWN,
        "ordered_value": _KNOWN,
        "revenue": _REVENUE,
        "average_order_value": _KNOWN,
        "returned_units": f"""
            select m.event, m.order_stream, cast({{part}} as varchar) as part, l.currency, l.customer, m.quantity as told
            from moves m join line_facts l using (order_stream, line) where m.target = 'returned' and {_SPAN}
        """,
        "orders_so_far": _KNOWN,
        "first_day": _KNOWN,
        "last_day": _KNOWN,
    },
    order="order by revenue desc, part, customer, currency",
)

STUDIES: Mapping[str, Study] = {
    "cycle-times": CYCLE_TIMES,
    "sales": SALES,
    "repeat-customers": REPEAT_CUSTOMERS,
    "customers": CUSTOMERS,
}
"""By name. Of cycle times the hours are those since the step that the order came to before, or since it was placed."""


def rows_of(
    connection: duckdb.DuckDBPyConnection, name: str, by: By, since: date, until: date, back: int = 7
) -> list[Row]:
    """The rows of a table, of days from `since` on and before `until`, those of each value of `by` apart: of orders
    recorded then, and of sales of what left then. Sales are beside those of `back` days earlier, and have a row of all
    days, whose day is None. At most ROWS_MAX + 1 rows."""
    study = STUDIES[name]
    figures = ", ".join(f"{formula} as {figure}" for figure, formula in study.formulas.items())
    query = f"""
        select {", ".join(study.keys)}, {figures} from ({study.facts.format(part=_part(by))}) f
        {study.grouping} {study.order} limit {ROWS_MAX + 1}
    """
    return _ask(connection, query, since=since, until=until, back=back)


def events_behind(
    connection: duckdb.DuckDBPyConnection,
    name: str,
    figure: str,
    keys: Mapping[str, str],
    by: By,
    since: date,
    until: date,
    back: int = 7,
) -> list[Row]:
    """The events behind a figure of the rows that have these values of keys, those that add most first, EVIDENCE_MAX at
    most; each with its time, type, order and what it adds (`told`). Raises KeyError for a figure or key that there is
    none of."""
    study = STUDIES[name]
    if unknown := set(keys) - set(study.keys):
        raise KeyError(f"{name} has no {', '.join(sorted(unknown))}")
    chosen = " and ".join(f"b.{key} = $key_{key}" for key in study.keys if key in keys) or "true"
    query = f"""
        select e.time, e.id as event, e.name, b.order_stream as "order", sum(b.told) as told
        from ({study.evidence[figure].format(part=_part(by))}) b join events e on e.id = b.event
        where {chosen} group by all order by told desc nulls last, e.time, e.id limit {EVIDENCE_MAX}
    """
    given = {f"key_{key}": value for key, value in keys.items()}
    return _ask(connection, query, since=since, until=until, back=back, **given)


def _part(by: By) -> str:
    return "'all'" if by is By.ALL else f"l.{by}"


def _ask(connection: duckdb.DuckDBPyConnection, query: str, **given: Any) -> list[Row]:
    """DuckDB refuses a parameter that a query does not name."""
    return ask(connection, query, **{name: value for name, value in given.items() if f"${name}" in query})
