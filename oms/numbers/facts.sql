-- What the events say, one fact a row, each with the id of its event. Amounts are in minor units of `currency`.
-- docs/analytics.md has what each figure means. The events themselves are `events`, made by facts.py.

-- The days that were exported: from the first event's on, and before the one after the last's.
create table exported_days as
select min(cast(time as date)) as first_day, max(cast(time as date)) + 1 as day_after from events;

-- Every line that goods leave by: of a kit its components. A line of an order that another system began is one too.
create table order_heads as
select stream as order_stream, id as event, time, cast(time as date) as day,
       value->>'number' as number,
       value->>'channel_account' as channel, value->>'currency' as currency,
       (value->>'$.customer.subject') as customer,
       cast((value->>'$.totals.total.amount') as bigint) as total,
       cast((value->>'$.promised.latest') as timestamptz) as promised
from events where service = 'order' and name in ('OrderPlaced', 'OrderImported');

create table listed_lines as
with listed as (
    select stream as order_stream, id as event, unnest(cast(value->'lines' as json[])) as line
    from events where service = 'order' and name in ('OrderPlaced', 'OrderImported', 'LinesAdded')
)
select order_stream, event, line->>'line' as line, line->>'sku' as sku,
       cast(line->>'quantity' as bigint) as ordered,
       cast((line->>'$.amount.amount') as bigint) as amount,
       cast((line->>'$.promised.latest') as timestamptz) as promised,
       (line->>'$.relates_to.kind') as relation, (line->>'$.relates_to.line') as related
from listed;

create table lines_of_goods as
select * from listed_lines l
where not exists (select 1 from listed_lines p
    where p.order_stream = l.order_stream and p.related = l.line and p.relation = 'component_of');

create table moves as
with told as (
    select stream as order_stream, id as event, name, time, value->>'kind' as kind,
           unnest(cast(value->'moves' as json[])) as move
    from events where service = 'order' and json_array_length(value->'moves') > 0
)
select order_stream, event, name, time, kind, move->>'line' as line,
       cast(move->>'quantity' as bigint) as quantity, move->>'source' as source, move->>'target' as target
from told;

-- Units that left, with their share of the line's amount, and where from.
create table left_units as
with told as (
    select stream as order_stream, id as event, time, value->>'location' as location, value->>'kind' as kind,
           value->>'fulfillment' as fulfillment, unnest(cast(value->'ranges' as json[])) as part
    from events where service = 'order' and name = 'LinesFulfilled'
)
select order_stream, event, time, location, kind, fulfillment, part->>'line' as line,
       cast(part->>'to_unit' as bigint) - cast(part->>'from_unit' as bigint) as quantity,
       cast((part->>'$.amount.amount') as bigint) as amount
from told;

create table categories as
select value->>'sku' as sku, arg_max(value->>'category', position) as category
from events where service = 'inventory' and name = 'ItemDescribed' group by all;

create table ends as
select stream as order_stream, max(time) as time, arg_max(name, sequence) as name, arg_max(id, sequence) as event
from events where service = 'order' and name in ('OrderCompleted', 'OrderCancelled', 'OrderReopened')
group by stream having arg_max(name, sequence) <> 'OrderReopened';

-- What reached the customer: what a carrier delivered, and what left us in any other way.
create table arrivals as
select order_stream, line, time, quantity, event from moves where target = 'delivered' and source = 'fulfilled'
union all
select order_stream, line, time, quantity, event from moves
where name = 'LinesFulfilled' and target = 'fulfilled' and kind <> 'shipped';

create table line_facts as
with left_by as (
    select order_stream, line, sum(quantity) as left_here, sum(amount) as revenue from left_units group by all
),
most as (
    select order_stream, line, arg_max(location, (quantity, location)) as location from left_units group by all
),
moved as (
    select order_stream, line,
        sum(quantity) filter (target = 'cancelled') - coalesce(sum(quantity) filter (source = 'cancelled'), 0) as cancelled,
        sum(quantity) filter (target = 'returned') as returned,
        bool_or(target = 'backordered') as backordered
    from moves group by all
),
arrived as (
    select a.order_stream, a.line, sum(a.quantity) as arrived_on_time
    from arrivals a join lines_of_goods l using (order_stream, line) join order_heads h using (order_stream)
    where a.time <= coalesce(l.promised, h.promised) group by all
)
select h.order_stream, h.number, h.day, h.channel, h.currency, h.customer, l.line, l.event, l.sku,
       coalesce(c.category, '(none)') as category, coalesce(most.location, '(none)') as location,
       l.ordered, l.amount as ordered_value, coalesce(l.promised, h.promised) as promised,
       coalesce(b.left_here, 0) as left_units, coalesce(b.revenue, 0) as revenue,
       coalesce(m.cancelled, 0) as cancelled, coalesce(m.returned, 0) as returned,
       coalesce(m.backordered, false) as backordered, coalesce(a.arrived_on_time, 0) as arrived_on_time,
       e.event is not null as ended
from order_heads h join lines_of_goods l using (order_stream)
left join left_by b on b.order_stream = l.order_stream and b.line = l.line
left join most on most.order_stream = l.order_stream and most.line = l.line
left join moved m on m.order_stream = l.order_stream and m.line = l.line
left join arrived a on a.order_stream = l.order_stream and a.line = l.line
left join categories c on c.sku = l.sku
left join ends e on e.order_stream = h.order_stream;

-- What spoils an order that is otherwise perfect: an event that should not have been needed.
create table flaws as
select distinct stream as order_stream, id as event, name from events
where service = 'order' and name in ('LineBackordered', 'LinesShort', 'ReservationLost', 'FulfillmentDeclined',
    'RefundGranted', 'ReplacementGranted', 'PackageWentAstray', 'ReturnRequested');

create table order_facts as
with whole as (
    select order_stream, bool_and(left_units >= ordered) as in_full, bool_and(promised is not null) as promised,
           bool_and(arrived_on_time >= ordered) as on_time
    from line_facts group by all
),
parts as (select order_stream, count(distinct fulfillment) as fulfillments from left_units group by all)
select h.*, e.event is not null as ended, e.event as end_event, e.time as end_time,
       w.in_full, w.promised as has_promise, w.on_time and w.in_full as on_time_in_full,
       coalesce(p.fulfillments, 0) as fulfillments,
       exists (select 1 from flaws f where f.order_stream = h.order_stream) as flawed
from (select order_stream, event, time, day, number, channel, currency, customer, total from order_heads) h
join whole w using (order_stream) left join ends e using (order_stream) left join parts p using (order_stream);

-- When an order first came to each step.
create table steps as
select order_stream, step, min(time) as time, arg_min(event, time) as event from (
    select order_stream, 'placed' as step, time, event from order_heads
    union all select stream, 'confirmed', time, id from events where service = 'order' and name = 'OrderConfirmed'
    union all select order_stream, target, time, event from moves
    where target in ('reserved', 'released', 'picked', 'packed', 'fulfilled', 'delivered')
    union all select order_stream, 'completed', time, event from ends where name = 'OrderCompleted'
) group by all;

-- Stock by day, as the last event of the day left it.
create table stock_levels as
with told as (
    select id as event, time, cast(time as date) as day, part, position, value->>'sku' as sku,
           unnest(cast(value->'levels' as json[])) as level
    from events where service = 'inventory' and json_array_length(value->'levels') > 0
)
select day, sku, level->>'location' as location,
       arg_max(cast(level->>'on_hand' as bigint), position) as on_hand, arg_max(event, position) as event
from told group by all;

create table stock_gone as
with told as (
    select id as event, cast(time as date) as day, value->>'sku' as sku, unnest(cast(value->'movements' as json[])) as move
    from events where service = 'inventory' and json_array_length(value->'movements') > 0
)
select day, sku, move->>'location' as location, sum(cast(move->>'quantity' as bigint)) as units,
       list(distinct event) as events
from told where (move->>'target') = 'fulfilled' group by all;
