-- How many known customers ordered, how many of them more than once, and the orders of guests beside.
with known as (select customer, count(*) as orders from order_heads where customer is not null group by all)
select count(*) as customers, count(*) filter (orders > 1) as repeated,
       count(*) filter (orders > 1) / nullif(count(*), 0) as repeat_rate,
       (select count(*) from order_heads where customer is null) as orders_of_guests
from known;
