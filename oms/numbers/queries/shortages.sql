-- The articles that kept customers waiting: units that went into backorder, and in how many orders.
select l.sku, sum(m.quantity) as units, count(distinct m.order_stream) as orders
from moves m join lines_of_goods l using (order_stream, line)
where m.target = 'backordered' group by all order by units desc, l.sku;
