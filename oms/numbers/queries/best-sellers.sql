-- The articles of which most units left.
select sku, category, currency, sum(left_units) as units, sum(revenue) as revenue
from line_facts group by all having sum(left_units) > 0 order by units desc, sku limit 50;
