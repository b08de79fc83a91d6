-- Units that were cancelled, by the event that did it and the step that they had come to.
select name as event, source as step, sum(quantity) as units, count(distinct order_stream) as orders
from moves where target = 'cancelled' group by all order by units desc, event, step;
