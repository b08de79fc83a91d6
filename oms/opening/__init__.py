"""`oms init`: the first locations, items and stock of an installation, from CSV files or by asking.

`plan.py` reads and checks all of it, `carrying_out.py` says it to the doors, `command.py` is what is typed and printed.
"""
