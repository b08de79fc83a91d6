-- What each known customer (a pseudonymous subject) ordered and was sent, most valuable first.
select customer, currency, count(distinct order_stream) as orders, sum(ordered_value) as ordered_value,
       sum(revenue) as revenue, min(day) as first_day, max(day) as last_day
from line_facts where customer is not null group by all order by revenue desc, customer;
