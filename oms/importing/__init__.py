"""`oms import`: order lines from a CSV or Parquet file to orders on `channel.orders`, as a channel would send them.

`reading.py` gives the rows of a file as text, `spool.py` brings the rows of an order together, `grouping.py` makes the
order of them by the table in `columns.py`, `report.py` keeps what was not sent, `running.py` is the whole of it. Open
orders of another system (`--open-orders`) go by `taking_over.py` to the door that takes them over.
"""
