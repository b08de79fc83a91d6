"""F04: workers that die around the calls to a payment provider, with every service running and the sandbox as a process of
its own. At each place around the call, at each step, several times: nothing is done twice, nothing is left undone."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import pytest

from tests.integration.card_shop import CardShop, open_shop
from tests.integration.test_doors import Site
from tests.integration.test_doors import site as site
from tests.waiting import eventually

pytestmark = pytest.mark.timeout(900)

POINTS = ("payments.before_act", "payments.after_act", "payments.after_record")
HITS = (1, 2)
"""At which call since it began a worker dies."""

DEATHS = tuple((point, nth) for nth in HITS for point in POINTS)
ORDERS = sum(nth for _, nth in DEATHS)


@pytest.fixture(scope="module")
def shop(site: Site, tmp_path_factory: pytest.TempPathFactory) -> Iterator[CardShop]:
    with open_shop(site, tmp_path_factory.mktemp("sandbox")) as made:
        made.stock(2 * ORDERS + 2)
        yield made


def killed_around(shop: CardShop, names: Sequence[str], wish: Callable[[str], object]) -> None:
    """Each worker dies at its call, and the next one finds what it left and as many new calls as it dies of; the last
    one lives."""
    rest = iter(names)
    shop.stop()
    for point, nth in DEATHS:
        shop.start(fault=f"{point}:{nth}:kill9")
        shop.all(wish, [next(rest) for _ in range(nth)])
        shop.died()
    shop.start()


def test_what_workers_that_die_are_asked_for_is_done_once_and_told_once(
    shop: CardShop, capsys: pytest.CaptureFixture[str]
) -> None:
    kept, given_up = ([f"{kind}-{number}" for number in range(ORDERS)] for kind in ("kept", "given-up"))

    killed_around(shop, kept, shop.order)
    shop.all(shop.order, given_up)
    shop.all(lambda name: shop.await_payment(name, authorization="full"), [*kept, *given_up])

    killed_around(shop, given_up, shop.cancelled)
    shop.all(lambda name: shop.await_payment(name, voided=True, calls=[]), given_up)

    nodes = dict(zip(kept, shop.all(shop.packed, kept), strict=True))
    killed_around(shop, kept, lambda name: shop.site.report(nodes[name], {"hand-over": {}}))
    shop.all(lambda name: shop.await_payment(name, captured=2000, charge="full"), kept)

    killed_around(shop, kept, shop.given_back)
    shop.all(lambda name: shop.await_payment(name, refunded=1000, calls=[]), kept)

    # then the provider's own ledger has one thing for each
    for name in kept:
        assert shop.counts(name) == {"authorization": 1, "charge": 1, "refund": 1}, name
    for name in given_up:
        assert shop.counts(name) == {"authorization": 1, "void": 1}, name
    counted = shop.prove([*kept, *given_up])
    with capsys.disabled():
        print(f"\n{4 * len(DEATHS)} workers killed around a call: {counted}")


def test_what_the_provider_tells_by_itself_comes_in_while_no_worker_runs(shop: CardShop) -> None:
    # given a charge that the payer disputes 5 s later
    shop.order("disputed", "tok_dispute")
    shop.await_payment("disputed", authorization="full")
    shop.left("disputed")
    shop.await_payment("disputed", captured=2000)
    shop.stop()
    # then its notice is enough
    told = eventually(lambda: shop.payment("disputed")["disputes"], 60, "the dispute told")
    assert [each["stage"] for each in told] == ["opened"]
    shop.start()
