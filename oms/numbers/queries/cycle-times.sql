-- Hours from when an order was placed until it first came to each step: the middle, and what nine, and 99, in a hundred took at most.
with taken as (
    select s.step, (epoch_ms(s.time) - epoch_ms(p.time)) / 3600000 as hours
    from steps s join steps p on p.order_stream = s.order_stream and p.step = 'placed'
    where s.step <> 'placed'
)
select step, count(*) as orders, quantile_cont(hours, 0.5) as p50, quantile_cont(hours, 0.9) as p90,
       quantile_cont(hours, 0.99) as p99
from taken group by step order by p50, step;
