"""What the outside checker asks of an order's invoices while one of them is still to come."""

from __future__ import annotations

from collections import Counter

from oms.verify.findings import State
from tests.verify.installations import MemoryInstallation
from tests.verify.lives import clean
from tests.verify.order_mutations import more, rename, say, value_of


def of_several(here: MemoryInstallation) -> str:
    """An order that has several invoices."""
    issued = Counter(str(value_of(record)["order_id"]) for record in here.log.all("payments.events", "InvoiceIssued"))
    return next(order for order, count in issued.items() if count > 1)


def test_an_invoice_that_waits_for_its_number_is_not_lacking() -> None:
    # given an order of which one invoice is issued, and another waits until somebody tries again
    here = clean()
    issued = here.log.all("payments.events", "InvoiceIssued")
    last = [record for record in issued if value_of(record)["order_id"] == of_several(here)][-1]
    rename(here.log, last, "InvoiceWaits", reason="seller_not_described", owner="finance")
    # then nothing is wrong with what they come to
    assert here.checked().states["I-04 invoiced"] == State.HOLDS


def test_of_an_order_whose_invoices_are_all_there_each_counts() -> None:
    here = clean()
    order = of_several(here)
    for record in here.log.all("payments.events", "InvoiceIssued"):
        if value_of(record)["order_id"] == order:
            say(here.log, record, gross=more(value_of(record)["gross"], 1))
            break
    assert here.checked().states["I-04 invoiced"] == State.BROKEN
