"""Key figures by day, channel, location or category, each with its formula, and the events behind each.

The facts that they are made of are facts.sql; what is exported is exporting.py's.
"""

from __future__ import annotations

from datetime import date
from enum import StrEnum

import duckdb

from oms.numbers.facts import Row, ask

__all__ = ["EVIDENCE", "EVIDENCE_MAX", "FORMULAS", "By", "evidence", "key_figures", "stock_figures"]

EVIDENCE_MAX = 1_000
"""Events that are listed of one figure, first ones first."""


class By(StrEnum):
    """What figures are told apart by; always by currency too. A day is that on which we recorded the order (UTC)."""

    ALL = "all"
    DAY = "day"
    CHANNEL = "channel"
    LOCATION = "location"
    CATEGORY = "category"


FORMULAS = {
    "orders": "count(distinct order_stream)",
    "lines": "count(*)",
    "units": "sum(ordered)",
    "ordered_value": "sum(ordered_value)",
    "revenue": "sum(revenue)",
    "average_order_value": "sum(ordered_value) / count(distinct order_stream)",
    "ended_orders": "count(distinct order_stream) filter (ended)",
    "fill_rate": "sum(left_units) filter (ended) / nullif(sum(ordered) filter (ended), 0)",
    "backorder_rate": "count(*) filter (backordered) / count(*)",
    "cancel_rate": "sum(cancelled) / nullif(sum(ordered), 0)",
    "return_rate": "sum(returned) / nullif(sum(left_units), 0)",
    "split_rate": "count(distinct order_stream) filter (fulfillments > 1)"
    " / nullif(count(distinct order_stream) filter (fulfillments > 0), 0)",
    "on_time_in_full": "count(distinct order_stream) filter (ended and has_promise and on_time_in_full)"
    " / nullif(count(distinct order_stream) filter (ended and has_promise), 0)",
    "perfect_order_rate": "count(distinct order_stream) filter (ended and in_full and not flawed"
    " and (on_time_in_full or not has_promise)) / nullif(count(distinct order_stream) filter (ended), 0)",
}
"""Each figure over rows of `line_facts`, with what `order_facts` knows of the whole order of a line."""

_OF_LINES = "select event, order_stream from line_facts where {0}"
_MOVED = "select event, order_stream from moves where {0}"
_OF_ORDERS = "select coalesce(end_event, event) as event, order_stream from order_facts where {0}"

EVIDENCE = {
    "orders": _OF_LINES.format("true"),
    "lines": _OF_LINES.format("true"),
    "units": _OF_LINES.format("true"),
    "ordered_value": _OF_LINES.format("true"),
    "revenue": "select event, order_stream from left_units",
    "average_order_value": _OF_LINES.format("true"),
    "ended_orders": _OF_ORDERS.format("ended"),
    "fill_rate": "select event, order_stream from left_units semi join (select order_stream from order_facts where ended) using (order_stream)",
    "backorder_rate": _MOVED.format("target = 'backordered'"),
    "cancel_rate": _MOVED.format("target = 'cancelled'"),
    "return_rate": _MOVED.format("target = 'returned'"),
    "split_rate": "select event, order_stream from left_units semi join (select order_stream from order_facts where fulfillments > 1) using (order_stream)",
    "on_time_in_full": _OF_ORDERS.format("ended and has_promise and not on_time_in_full"),
    "perfect_order_rate": _OF_ORDERS.format(
        "ended and not (in_full and not flawed and (on_time_in_full or not has_promise))"
    ),
}
"""The events behind a figure: of the last two those that end the orders which fell short."""

_LINES = """
    select l.*, o.fulfillments, o.has_promise, o.in_full, o.on_time_in_full, o.flawed
    from line_facts l join order_facts o using (order_stream)
    where ($since is null or l.day >= $since) and ($until is null or l.day < $until)
"""


def key_figures(
    connection: duckdb.DuckDBPyConnection, by: By = By.ALL, since: date | None = None, until: date | None = None
) -> list[Row]:
    """A row for each value of `by` and currency, of orders recorded from `since` on and before `until`. Amounts are in
    minor units, rates between 0 and 1; a rate of nothing is None."""
    group = "'all'" if by is By.ALL else f"l.{by}"
    figures = ", ".join(f"{formula} as {name}" for name, formula in FORMULAS.items())
    query = f'select {group} as "{by}", currency, {figures} from ({_LINES}) l group by all order by all'
    return ask(connection, query, since=since, until=until)


def evidence(
    connection: duckdb.DuckDBPyConnection,
    figure: str,
    by: By = By.ALL,
    value: str | None = None,
    since: date | None = None,
    until: date | None = None,
    currency: str | None = None,
) -> list[Row]:
    """The first events behind a figure, of the orders of this currency that have a line with this `value` of `by`; each
    with its time, type and order. Raises KeyError for a figure that there is none of."""
    group = "'all'" if by is By.ALL else f"cast(l.{by} as varchar)"
    query = f"""
        select distinct e.time, e.id as event, e.name, b.order_stream as "order"
        from ({EVIDENCE[figure]}) b join events e on e.id = b.event
        semi join (select order_stream from ({_LINES}) l where ($value is null or {group} = $value)
            and ($currency is null or l.currency = $currency)) w
            on w.order_stream = b.order_stream
        order by e.time, e.id limit {EVIDENCE_MAX}
    """
    return ask(connection, query, since=since, until=until, value=value, currency=currency)


def stock_figures(connection: duckdb.DuckDBPyConnection, since: date, until: date) -> list[Row]:
    """By location and SKU, from `since` on and before `until`: units that left to customers, mean units on hand at the
    end of a day, how often that stock was turned over, and for how many days it lasts at that pace. `days` are those of
    the span that were exported: before the first event and after the last one nobody knows what left."""
    query = """
        with span as (select greatest(first_day, $since) as since, least(day_after, $until) as until from exported_days),
        days as (select cast(unnest(generate_series(since, until - 1, interval 1 day)) as date) as day from span),
        shelves as (select distinct location, sku from stock_levels),
        daily as (
            select s.location, s.sku, d.day, coalesce(l.on_hand, 0) as on_hand
            from (select * from shelves cross join days) d join shelves s using (location, sku)
            asof left join stock_levels l
                on l.location = d.location and l.sku = d.sku and l.day <= d.day
        ),
        gone as (select location, sku, sum(units) as units from stock_gone
            where day >= $since and day < $until group by all)
        select location, sku, coalesce(g.units, 0) as units_gone, avg(on_hand) as mean_on_hand,
            arg_max(on_hand, d.day) as on_hand, count(*) as days,
            coalesce(g.units, 0) / nullif(avg(on_hand), 0) as turns,
            arg_max(on_hand, d.day) * count(*) / nullif(g.units, 0) as days_of_cover
        from daily d left join gone g using (location, sku) group by location, sku, g.units order by all
    """
    return ask(connection, query, since=since, until=until)
