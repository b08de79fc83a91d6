-- Orders by the number of parts that they left in.
select fulfillments as parts, count(*) as orders from order_facts group by all order by parts;
