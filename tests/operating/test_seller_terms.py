"""From what settings say of returns and refunds to what doors ask with: a seller's own before all others', each rule whole."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import pytest

from chassis.reading import Followed, Reads, Seen
from chassis.settings import Settings, SettingsRefused, load_settings
from contracts.fulfillment import Postage
from contracts.money import Money
from contracts.order import RefundApprover, RefundLimits, RefundMoment, ReturnTerms
from oms.seller_terms import seller_terms
from services.order.seller_terms import SellerTerms
from services.order.tests.story import NAME, Story

SAID = """
[return_rules."*".electronics]
window_days = 21

[return_rules."*".furniture]
final_sale = true

[return_rules.acme.electronics]
restocking_percent = 12.5
worn_percent = 0
refund_at = "receipt"
send_at_once = true
label_paid_by = "seller"

[label_fees."*"]
EUR = 300

[refund_limits."*".csr]
alone = { EUR = 5000 }
approves = { EUR = 10000, USD = 9000 }

[refund_limits."*".finance]
alone = {}
approves = "any"

[refund_limits.acme.csr]
alone = { EUR = 100 }
approves = {}
"""


class OneOrder:
    """A store that has read one order, of the seller `acme`, or of another."""

    def __init__(self, seller: str = "acme") -> None:
        self._stream = Story().placed(seller=seller).stream

    def stream(self, name: str) -> Seen:
        assert name == NAME
        return Seen(self._stream, Followed("t.events", {0: 0}, 0.0))


def read(seller: str = "acme") -> Reads:
    return cast(Reads, OneOrder(seller))


@pytest.fixture
def said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SellerTerms:
    """What the file says."""
    (tmp_path / "oms.toml").write_text(SAID)
    monkeypatch.chdir(tmp_path)
    return seller_terms(load_settings())


def returns(said: SellerTerms, seller: str = "acme") -> ReturnTerms:
    found = said.of_returns(read(seller), NAME)
    assert found is not None
    return found


def test_nothing_set_asks_with_nothing_and_reads_no_order() -> None:
    nothing, unread = seller_terms(Settings()), cast(Reads, None)
    assert nothing.of_returns(unread, NAME) is None
    assert nothing.of_refunds(unread, NAME, RefundApprover.CSR) is None


def test_what_a_rule_does_not_say_is_as_the_table_has_it(said: SellerTerms) -> None:
    electronics, furniture = returns(said, "other").rules
    assert (electronics.name, electronics.window_days, electronics.grace_days) == ("electronics", 21, 7)
    assert (electronics.restocking, electronics.label) == (1_500, Postage.DEDUCTED)
    assert (furniture.name, furniture.window_days, furniture.final_sale) == ("furniture", 30, True)


def test_a_seller_s_own_rule_goes_before_the_one_of_that_name_for_all_others(said: SellerTerms) -> None:
    electronics, furniture = returns(said).rules
    assert (electronics.window_days, electronics.restocking, electronics.damaged) == (14, 1_250, 0)
    assert (electronics.refund_at, electronics.at_once, electronics.label) == (
        RefundMoment.RECEIPT,
        True,
        Postage.OURS,
    )
    assert furniture.name == "furniture"
    assert returns(said).label_fees == (Money(amount=300, currency="EUR"),)


def test_limits_are_by_role(said: SellerTerms) -> None:
    def euros(amount: int) -> Money:
        return Money(amount=amount, currency="EUR")

    both = (euros(10_000), Money(amount=9_000, currency="USD"))
    others, finance = RefundLimits(alone=(euros(5_000),), approves=both), RefundLimits(alone=(), approves_any=True)
    assert said.of_refunds(read("other"), NAME, RefundApprover.CSR) == others
    assert said.of_refunds(read(), NAME, RefundApprover.CSR) == RefundLimits(alone=(euros(100),))
    assert said.of_refunds(read(), NAME, RefundApprover.FINANCE) == finance


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ('[return_rules."*".standard]\nwindow = 3\n', "return_rules"),
        ('[return_rules."*".standard]\nwindow_days = -1\n', "window_days"),
        ('[return_rules."*".standard]\nrestocking_percent = 100.5\n', "restocking_percent"),
        ('[return_rules."*".standard]\nworn_percent = 1.125\n', "worn_percent"),
        ('[label_fees."*"]\neuro = 3\n', "label_fees"),
        ('[label_fees."*"]\nEUR = 4.95\n', "label_fees"),
        ('[refund_limits."*".csr]\nalone = { EUR = 3 }\n', "approves"),
        ('[refund_limits."*".boss]\nalone = {}\napproves = "any"\n', "refund_limits"),
        ('[refund_limits."*".csr]\nalone = "any"\napproves = "any"\n', "alone"),
    ],
)
def test_what_means_nothing_is_refused_by_name(
    wrong: str, named: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "oms.toml").write_text(wrong)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SettingsRefused, match=named):
        load_settings()


def test_a_percentage_may_be_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "oms.toml").write_text('[return_rules."*".standard]\nworn_percent = 100\n')
    monkeypatch.chdir(tmp_path)
    said: Any = seller_terms(load_settings()).rules["*"]
    assert said[0].damaged == 10_000
