-- What left us, by day and currency, beside the same day of the week before.
with sold as (
    select cast(u.time as date) as day, h.currency, sum(u.amount) as revenue, sum(u.quantity) as units
    from left_units u join order_heads h using (order_stream) group by all
)
select s.day, s.currency, s.units, s.revenue, b.revenue as week_before,
       s.revenue / nullif(b.revenue, 0) - 1 as change
from sold s left join sold b on b.currency = s.currency and b.day = s.day - 7
order by s.day, s.currency;
