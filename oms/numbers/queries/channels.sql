-- What came by each channel account.
select channel, currency, count(*) as orders, sum(total) as total, avg(total) as mean_total,
       count(*) filter (ended) as ended
from order_facts group by all order by orders desc, channel, currency;
