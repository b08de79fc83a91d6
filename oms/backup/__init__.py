"""`oms backup`, `oms restore`: the keys of people, apart from everything else, and the tables, which save a rebuild."""
