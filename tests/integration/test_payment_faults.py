"""F26: what a payment provider does wrong, with every service running and the sandbox as a process of its own; and what
`oms payments reconcile` says when its books and our events part."""

from __future__ import annotations

import csv
import io
import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.integration.card_shop import KINDS, CardShop, open_shop
from tests.integration.staffed_site import PRICE
from tests.integration.test_doors import Site
from tests.integration.test_doors import site as site

pytestmark = pytest.mark.timeout(900)

SECONDS = 400
"""How long the slowest takes: a card declined softly is asked again after two minutes."""

LIVES_AT_ONCE = 16

SLOW = ("--slow", "4", "--late", "5", "--pending", "3")
"""How the sandbox is slow here, where it is 30 s elsewhere."""


@dataclass(frozen=True)
class Row:
    """A token, and what is to be at the provider of its order in the end, each once: `h` money held, `c` charged, `v`
    given back before it was charged, `r` refunded. `there` is what more there is, being refused."""

    token: str
    made: str
    refused: int = 0


CHARGED = tuple(
    Row(f"tok_{trouble}", "hc")
    for trouble in (
        *("timeout_before", "timeout_after", "error_before", "error_after", "unavailable", "429", "slow"),
        *(f"capture_{each}" for each in ("timeout_before", "timeout_after", "error_before", "error_after")),
        *("capture_429", "capture_unavailable", "capture_slow", "action_required"),
        *(f"webhook_{how}" for how in ("twice", "early", "late", "out_of_order", "lost")),
    )
)
ROWS = (
    *CHARGED,
    Row("tok_decline_expired_card", "", refused=1),
    Row("tok_soft_decline_then_ok", "hc", refused=1),
    *(Row(f"tok_void_{each}", "hv") for each in ("timeout_before", "timeout_after", "error_after", "429", "slow")),
    *(Row(f"tok_refund_{each}", "hcr") for each in ("timeout_before", "timeout_after", "error_before", "error_after")),
    *(Row(f"tok_refund_{each}", "hcr") for each in ("429", "slow", "pending")),
    Row("tok_refund_pending_fails", "hc", refused=1),
)
MIXED = (*ROWS[::3], *ROWS[1::3], *ROWS[2::3])
"""In an order in which the provider does not fail many times in a row at once: then it would be left alone for a while."""

LETTERS = dict(zip("hcvr", KINDS, strict=True))


@pytest.fixture(scope="module")
def shop(site: Site, tmp_path_factory: pytest.TempPathFactory) -> Iterator[CardShop]:
    with open_shop(site, tmp_path_factory.mktemp("sandbox"), *SLOW) as made:
        made.stock(len(ROWS))
        yield made


def live(shop: CardShop, row: Row) -> None:
    """The life of one order, until nothing of its payment is open."""
    name = row.token
    shop.order(name, row.token)
    if row.token == "tok_action_required":
        held = shop.await_made("authorization", name, "action_required")
        shop.sandbox.post(f"/pay/{held['id']}", confirmed=True)
    if not row.made:
        shop.await_hold(name, "payment_declined")
        return
    shop.await_payment(name, SECONDS, authorization="full")
    if "v" in row.made:
        shop.cancelled(name)
        shop.await_payment(name, SECONDS, voided=True, calls=[])
        return
    shop.left(name)
    shop.await_payment(name, SECONDS, captured=PRICE, charge="full", calls=[])
    if "refund" in row.token:
        shop.given_back(name)
        shop.await_made("refund", name, "done" if "r" in row.made else "failed")
        shop.await_payment(name, SECONDS, refunded=PRICE // 2 if "r" in row.made else 0, calls=[])


def test_whatever_the_provider_does_wrong_is_done_once_and_told_once(
    shop: CardShop, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = {row.token: row for row in MIXED}
    shop.all(lambda token: live(shop, rows[token]), rows, LIVES_AT_ONCE)

    lines = []
    for token, row in rows.items():
        counts = shop.counts(token)
        refused = sum(len(shop.made(kind, token)) for kind in KINDS) - counts.total()
        lines.append(f"{token:<28} {refused} refused, {dict(counts)}")
        assert counts == Counter(LETTERS[letter] for letter in row.made), lines[-1]
        assert refused == row.refused, lines[-1]
    counted = shop.prove(list(rows))
    with capsys.disabled():
        print("", *lines, counted, sep="\n")


# Goods that leave in parts


@pytest.mark.parametrize(("account", "authorizations"), [("single", 2), ("incremental", 1)])
def test_what_leaves_later_is_secured_again_where_an_account_captures_once(
    shop: CardShop, account: str, authorizations: int
) -> None:
    # given an order by gift card and card, of which one of two units is there
    name, sku = f"parts-{account}", f"SKU-{account}"
    assert shop.site.receive(sku, 1).status_code == 200
    card, code = shop.sold(500, name)
    tenders = [
        {"method": "gift_card", "amount": 500, "reference": code},
        {"method": "card", "amount": 1500, "reference": "tok_ok", "provider": f"sandbox-{account}", "rank": 1},
    ]
    shop.order(name, tenders=tenders, sku=sku)
    shop.await_payment(name, SECONDS, authorization="full")
    assert shop.ledger(card)["held"] == 500
    # when it leaves, and later the other
    shop.left(name, 1)
    shop.await_payment(name, SECONDS, captured=1000, calls=[])
    assert shop.ledger(card)["redeemed"] == 500, "the gift card is used first"
    assert shop.site.receive(sku, 1).status_code == 200
    shop.left(name, 1, before=1)
    shop.await_payment(name, SECONDS, captured=PRICE, charge="full", calls=[])
    # then what was left of the card's hold served both, or was secured again
    assert [charge["amount"] for charge in shop.made("charge", name, account)] == [500, 1000]
    assert len(shop.made("authorization", name, account)) == authorizations
    for day in shop.days():
        assert shop.reconcile(day, provider=f"sandbox-{account}")[1]["differences"] == []


# When the books part


def injected(shop: CardShop) -> set[tuple[str, str]]:
    """Differences on both sides, each with the order or the provider's name of what it is about. What our events tell and
    the books lack, or have otherwise, is taken out of the books behind the provider's back."""
    charges = {name: shop.made("charge", name)[0] for name in ("tok_429", "tok_slow", "tok_error_after")}
    with closing(sqlite3.connect(shop.sandbox.folder / "ledger.sqlite3", timeout=30)) as books, books:
        this = "where kind = 'charge' and json_extract(document, '$.id') = ?"
        books.execute(f"delete from entries {this}", [charges["tok_429"]["id"]])
        less = "update entries set document = json_set(document, '$.amount', 1999)"
        books.execute(f"{less} {this}", [charges["tok_slow"]["id"]])
    foreign = shop.by_hand("/authorizations", token="tok_ok", amount=500, currency="EUR")
    taken = shop.by_hand(f"/authorizations/{foreign['id']}/captures", amount=500, final=True)
    held = shop.by_hand("/authorizations", token="tok_ok", amount=700, currency="EUR")
    back = shop.by_hand(f"/charges/{charges['tok_error_after']['id']}/refunds", amount=100)
    disputed = shop.made("charge", "tok_webhook_lost")[0]
    shop.sandbox.post(f"/test/charges/{disputed['id']}/dispute")
    return {
        ("missing_there", shop.ids["tok_429"]),
        ("other_amount", shop.ids["tok_slow"]),
        ("unknown_here", taken["id"]),
        ("unknown_here", back["id"]),
        ("held_for_nothing", held["id"]),
        ("dispute_unknown_here", shop.ids["tok_webhook_lost"]),
    }


def named(said: dict[str, Any]) -> set[tuple[str, str]]:
    """The differences that were found, in the same form."""
    return {(found["cause"], found["order_id"] or found["reference"]) for found in said["differences"]}


def test_what_differs_is_named_with_its_cause_and_the_next_step(shop: CardShop, tmp_path: Path) -> None:
    # given a day without differences, and then some on each side
    wanted = injected(shop)
    # when the books are compared, then each is named, and nothing else
    reports = [shop.reconcile(day) for day in shop.days()]
    assert set().union(*(named(said) for _, said in reports)) == wanted
    assert max(code for code, _ in reports) == 1
    for found in (each for _, said in reports for each in said["differences"]):
        assert found["meaning"] and found["next_step"]
    # and from the settlement file of the day, which tells fees and what was paid out besides
    [charge] = shop.made("charge", "tok_timeout_after")
    day = datetime.fromtimestamp(charge["created"], UTC).date()
    file = tmp_path / "settlement.csv"
    rows = list(csv.DictReader(io.StringIO(shop.sandbox.text(f"/settlements/{day}.csv"))))
    with file.open("w", newline="") as out:
        writer = csv.DictWriter(out, list(rows[0]))
        writer.writeheader()
        writer.writerows({**row, "fee": "9.99"} if row["id"] == charge["id"] else row for row in rows)
    code, said = shop.reconcile(day, "--file", str(file))
    told = {cause for cause, _ in named(said)}
    assert code == 1 and {"other_fee", "payout_differs", "missing_there", "unknown_here"} <= told
    assert ("other_fee", shop.ids["tok_timeout_after"]) in named(said)
    assert "held_for_nothing" not in told, "what is only held is in no settlement"
