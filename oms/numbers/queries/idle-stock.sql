-- Stock at hand of which nothing left in the 30 days before the last one that was exported.
with latest as (
    select location, sku, arg_max(on_hand, day) as on_hand, arg_max(event, day) as event from stock_levels group by all
),
sold as (
    select distinct location, sku from stock_gone
    where day > (select max(cast(time as date)) from events) - 30
)
select l.location, l.sku, l.on_hand, l.event from latest l anti join sold s using (location, sku)
where l.on_hand > 0 order by l.on_hand desc, l.location, l.sku;
