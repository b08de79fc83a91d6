"""`python -m oms` is `oms`."""

from oms.main import main

main()
