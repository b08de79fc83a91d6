"""The console in a real browser, on a real broker and database with every service running: what five people do with it.

Chromium is taken from the machine (Debian's package `chromium`); where there is none, these specifications are skipped.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

import psutil
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect, sync_playwright

from chassis.accounts import Accounts
from chassis.store import connect
from chassis.tokens import Kind, Role, Tokens
from oms.numbers.exporting import export
from oms.reach import reach_log
from oms.told_progress import far_of
from services.console.app import declare as declare_console
from services.shipping.tests.parcels import text_of
from tests.integration.test_doors import MODULES, Site, site_of
from tests.waiting import eventually

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is on this machine: the console was not walked")

SANDBOX = f"trial{os.getpid()}"

RUN_MS = 120_000
"""How long tables may take to be made again."""

SEEN_MS = 20_000
"""How long something may take to be on a page, on a machine that has other work."""


@pytest.fixture(scope="module")
def site(broker: str, database: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with site_of((*MODULES, "oms.console"), broker, database, tmp_path_factory.mktemp("console")) as made:
        made.receive("SKU-1", 50)
        yield made


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playing:
        running = playing.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield running
        running.close()


@contextmanager
def signed_in(browser: Browser, site: Site, *roles: Role, width: int = 1280, dark: bool = False) -> Iterator[Page]:
    """A page of somebody with these roles; no error may have been told to the browser in the end."""
    token = Tokens(site.settings.tokens).issue("ada", Kind.PERSON, frozenset(roles))
    context = browser.new_context(
        base_url=f"http://127.0.0.1:{site.settings.http_port}",
        viewport={"width": width, "height": 900},
        color_scheme="dark" if dark else "light",
    )
    context.set_default_timeout(SEEN_MS)
    expect.set_options(timeout=SEEN_MS)
    page, errors = context.new_page(), list[str]()
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda said: errors.append(said.text) if said.type == "error" else None)
    page.goto("/")
    page.get_by_label("Access token").fill(token)
    page.get_by_role("button", name="Use the token").click()
    expect(page.get_by_role("button", name="Sign out")).to_be_visible()
    try:
        yield page
    finally:
        context.close()
    assert errors == []


def known(site: Site, external_id: str) -> str:
    """Place an order; its id, once it is confirmed."""
    site.placed(external_id)
    eventually(lambda: site.status(external_id) in {"confirmed", "in_fulfillment"}, because="the order confirmed")
    return str(site.get(f"/orders/{external_id}")["order_id"])


def waiting(site: Site, external_id: str) -> str:
    """Place an order of two units that nobody has; its id, once it is shown."""
    site.placed(external_id, lines=[{"line_id": "a", "sku": "SKU-LATER", "quantity": 2, "amount": 2000}])
    return str(eventually(lambda: site.get(f"/orders/{external_id}").get("order_id"), because="the order shown"))


def test_customer_service_finds_an_order_holds_it_and_sees_why(site: Site, browser: Browser) -> None:
    # given an order, and somebody of the order desk
    known(site, "shop-4711")
    with signed_in(browser, site, Role.CSR) as page:
        # when they look for the beginning of the shop's id, until the console has it
        page.get_by_role("link", name="Orders").click()

        def found() -> bool:
            page.get_by_label("Find").fill("shop-47")
            page.get_by_role("button", name="Show").click()
            return page.get_by_role("cell", name="shop-4711", exact=True).count() == 1

        eventually(found, 30, "the order in the console")
        page.locator("tbody th a").first.click()
        expect(page.get_by_role("heading", level=1)).to_contain_text("Order")
        # then the page says where its units are, and why they come from there
        expect(page.get_by_text("Looked at: 1. dc-1")).to_be_visible()
        # and when they hold it with a reason, it is held, and the timeline says by whom and why
        page.get_by_text("Put on hold", exact=True).first.click()
        page.locator("details[open] input[name=reason]").fill("the customer called")
        page.locator("details[open] button").click()
        expect(page.get_by_text("Put on hold: HoldPlaced.")).to_be_visible()
        expect(page.locator("ol.timeline")).to_contain_text("person ada")
        # and as it was after its first step, nothing of that is there
        slider = page.locator("input[type=range]")
        slider.focus()
        slider.press("Home")
        expect(page.get_by_text("As it was recorded at")).to_be_visible()
        expect(page.locator("ol.timeline")).not_to_contain_text("HoldPlaced")


def test_customer_service_sees_what_a_change_comes_to_before_it_is_done(site: Site, browser: Browser) -> None:
    # given an order of two units that nobody has yet, and its page
    order_id = waiting(site, "shop-4715")
    with signed_in(browser, site, Role.CSR) as page:
        page.goto(f"/console/orders/{order_id}")
        page.get_by_text("Change quantities", exact=True).first.click()
        page.locator("details[open] input[name^='units.']").first.fill("1")
        page.locator("details[open] input[name=reason]").fill("one is enough, für Ada")
        page.locator("details[open] button").click()
        # then what it comes to is shown, and nothing is done
        expect(page.get_by_role("heading", name="A change that is not done yet")).to_be_visible()
        expect(page.get_by_text("Less: 1 of line")).to_be_visible()
        # until it is confirmed
        page.get_by_text("Confirm the change", exact=True).first.click()
        page.locator("details[open] input[name=reason]").fill("agreed by phone")
        page.locator("details[open] button").click()
        expect(page.get_by_text("Confirm the change: ")).to_be_visible()
        expect(page.locator("ol.timeline")).to_contain_text("one is enough, für Ada")
    eventually(lambda: site.get(f"/orders/{order_id}")["change"] is None, because="the change done")


def left(site: Site, external_id: str, units: int) -> str:
    """An order of so many teapots that has left in one package; its id."""
    sku = f"SKU-{external_id}"
    site.receive(sku, units)
    amount = 1000 * units
    lines = [{"line_id": "a", "sku": sku, "description": "Teapot", "quantity": units, "amount": amount}]
    site.placed(external_id, lines=lines, total=amount, tenders=[{"method": "invoice", "amount": amount}])
    work, node = site.work(external_id)
    done = [{"line": "1", "sequence": work["sequence"], "quantity": units}]
    packages = [{"number": 1, "contents": done, "weight_grams": 1800}]
    site.report(node, {"acceptance": {}, "pick": {"lines": done}, "pack": {"packages": packages}})
    eventually(
        lambda: site.get(f"/orders/{external_id}")["fulfillment_orders"][0].get("shipment"), because="the shipment"
    )
    site.report(node, {"hand-over": {}})
    eventually(lambda: site.status(external_id) == "completed", because="the order paid for")
    return str(site.get(f"/orders/{external_id}")["order_id"])


def sent(page: Page, title: str, **fields: str) -> None:
    """A form is opened by its title, filled in and sent."""
    page.get_by_text(title, exact=True).first.click()
    form = page.locator("details[open] form")
    for name, value in fields.items():
        field = form.locator(f"[name='{name.replace('__', '.')}']")
        if field.evaluate("field => field.tagName") == "SELECT":
            field.select_option(value)
        else:
            field.fill(value)
    with page.expect_navigation():
        form.get_by_role("button").click()


def done(page: Page, title: str, **fields: str) -> None:
    """What is asked is filled in and sent, and the page says that it was done."""
    sent(page, title, **fields)
    expect(page.get_by_text(f"{title}: ")).to_be_visible()


def test_customer_service_finds_somebody_by_name_notes_what_they_said_and_takes_the_order_over(
    site: Site, browser: Browser
) -> None:
    # given an order of somebody whose name alone is known
    order_id = known(site, "shop-4718")
    with signed_in(browser, site, Role.CSR) as page:

        def found() -> bool:
            page.goto("/console/orders?q=lindqvist")
            return page.locator(f"a[href='/console/orders/{order_id}']").count() == 1

        eventually(found, 30, "the order by the name of who bought")
        page.goto(f"/console/orders/{order_id}")
        # when they note something and take it over
        done(page, "Write a note", text="Ada called: ring twice\nand wait <b>long</b>")
        done(page, "Say who looks after it", owner="ada")
        # then both are there, as they were written
        expect(page.locator(".said")).to_have_text("Ada called: ring twice\nand wait <b>long</b>")
        expect(page.get_by_text("Looked after by").locator("xpath=following-sibling::dd[1]")).to_have_text("ada")
        expect(page.locator("ol.timeline")).to_contain_text("NoteAdded")
        expect(page.locator("ol.timeline")).not_to_contain_text("ring twice")
    with signed_in(browser, site, Role.VIEWER) as page:
        # but who may only look reads no note, and finds nobody by name
        page.goto(f"/console/orders/{order_id}")
        expect(page.get_by_text("Notes: 1, which your roles do not show.")).to_be_visible()
        page.goto("/console/orders?q=lindqvist")
        expect(page.get_by_text("No order is like that.")).to_be_visible()


def test_goods_that_the_customer_has_come_back_are_paid_back_sent_again_and_exchanged(
    site: Site, browser: Browser
) -> None:
    # given four teapots that have left, another one, and cups
    order_id = left(site, "shop-4720", 4)
    site.receive("SKU-shop-4720", 1)
    site.receive("SKU-CUP", 5)
    why = {"reason": "as agreed by phone"}
    with signed_in(browser, site, Role.CSR) as page:
        page.goto(f"/console/orders/{order_id}")
        # when one comes back, one is paid back, and one is sent again
        done(page, "Take goods back", units__1="1", because="defective", **why)
        done(page, "Pay units back", cause="damaged", units__1="1", to="original", **why)
        done(page, "Send units again", cause="missing", units__1="1", if_short="wait", **why)
        # then the page says so, and the doors know it
        expect(page.get_by_role("heading", name="Returns and refunds")).to_be_visible()
        expect(page.get_by_role("listitem").filter(has_text="Return 1: ").first).to_be_visible()
        order = site.get(f"/orders/{order_id}")
        assert [line["quantity"] for line in order["returns"][0]["lines"]] == [1]
        assert sum(line["quantity"] for line in order["lines"]) == 5
        # and an exchange is shown before anything comes of it
        done(
            page, "Exchange for another article",
            line="1", quantity="1", sku="SKU-CUP", because="changed_mind", send="on_receipt", **why,
        )  # fmt: skip
        expect(page.get_by_role("heading", name="A change that is not done yet")).to_be_visible()
        expect(page.get_by_text("Comes back: 1 of line 1")).to_be_visible()
        done(page, "Leave it as it is", **why)
        expect(page.get_by_role("heading", name="A change that is not done yet")).to_have_count(0)


def test_a_package_that_was_lost_is_settled_from_the_page_of_its_order(site: Site, browser: Browser) -> None:
    # given a package that its carrier lost
    order_id = left(site, "shop-4721", 1)
    shipment = site.get("/orders/shop-4721")["fulfillment_orders"][0]["shipment"]
    package = site.get(f"/shipments/{shipment}")["packages"][0]["package"]
    lost = {"carrier": "own-fleet", "event_id": "e1", "package": package, "status": "lost"}
    answer = site.post(f"/shipments/{shipment}/tracking", {**lost, "occurred_at": "2026-01-06T09:00:00Z"})
    assert answer.status_code == 200
    eventually(lambda: site.get("/orders/shop-4721")["astray"], because="the package astray")
    with signed_in(browser, site, Role.CSR) as page:
        # when somebody takes it over from the list of what waits, with a reason
        page.goto("/console/exceptions")
        page.get_by_role("region", name="Packages that were lost or come back").get_by_role("checkbox").check()
        form = page.locator("form", has=page.get_by_role("region", name="Packages that were lost or come back"))
        form.get_by_label("Why").fill("mine")
        form.get_by_role("button", name="Look after it myself").click()
        expect(page.get_by_role("row").filter(has_text="Look after it myself: OrderAssigned")).to_be_visible()
        # and has it paid back
        page.goto(f"/console/orders/{order_id}")
        done(page, "Settle a package that went astray", do="refund", reason="the carrier pays")
    eventually(lambda: site.get("/orders/shop-4721")["refunded"] == 1000, because="the money back")
    assert site.get("/orders/shop-4721")["astray"] == [] and site.get("/orders/shop-4721")["owner"] == "ada"


def test_an_operator_takes_over_hands_on_and_puts_down_a_message_that_nobody_could_take(
    site: Site, browser: Browser
) -> None:
    # given what a channel published and nobody can read, which has no order
    site.publish(b'{"channel_account": "webshop-eu"', [])
    with signed_in(browser, site, Role.ADMIN) as page:
        row = page.get_by_role("region", name="Messages that could not be taken").locator("tbody tr").first

        def waits() -> bool:
            page.goto("/console/exceptions")
            return row.count() == 1

        eventually(waits, 30, "the dead letter in its list")
        for deed, to, owner in (("Look after it myself", "", "ada"), ("Hand over", "bob", "bob"), ("Put down", "", "")):
            # when somebody says whose it is, with a reason, then the list says so
            row.get_by_role("checkbox").check()
            form = page.locator("form", has=row)
            form.get_by_label("Why").fill("who knows that channel")
            form.get_by_label("To (account)").fill(to)
            form.get_by_role("button", name=deed).click()
            expect(page.locator(".tag.good")).to_have_text("yes")
            page.goto("/console/exceptions")
            expect(row.locator("td").nth(-2)).to_have_text(owner)


def test_several_held_orders_go_on_with_one_reason(site: Site, browser: Browser) -> None:
    # given two orders that somebody holds
    numbers = []
    for name in ("shop-4716", "shop-4717"):
        known(site, name)
        assert site.post(f"/orders/{name}/holds", {"detail": "a call is awaited"}).status_code == 200
        numbers.append(site.get(f"/orders/{name}")["number"])
    # when both are released from the list of exceptions
    with signed_in(browser, site, Role.CSR) as page:
        page.goto("/console/exceptions")
        for number in numbers:
            page.get_by_label(f"Choose {number}").check()
        form = page.locator("form", has=page.get_by_role("button", name="Release all holds"))
        form.get_by_label("Why").fill("they called")
        form.get_by_role("button", name="Release all holds").click()
        # then each row says what came of it
        for number in numbers:
            row = page.get_by_role("row").filter(has_text=number)
            expect(row).to_contain_text("Release all holds: HoldReleased")
    for number in numbers:
        assert site.get(f"/orders/{number}")["holds"] == []


def test_a_picker_with_a_scanner_takes_an_order_to_the_van_without_a_mouse(site: Site, browser: Browser) -> None:
    # given work that a node has on its list
    order_id = known(site, "shop-4712")
    work = eventually(lambda: site.get("/orders/shop-4712").get("fulfillment_orders"), because="work")[0]["id"]
    with signed_in(browser, site, Role.WAREHOUSE) as page:
        page.goto("/console/warehouse")

        # when they scan the order's id, as soon as the console has it
        def scanned() -> bool:
            page.goto("/console/warehouse")
            page.get_by_label("Scan or type").fill(order_id)
            with page.expect_navigation():
                page.keyboard.press("Enter")
            return work in page.url

        eventually(scanned, 30, "the work by its order")
        # and each unit of it, and the code of each step
        units = sum(line["quantity"] for line in site.get(f"/fulfillment-orders/{work}")["lines"])
        for codes, stage in (
            (["DONE-ACCEPTANCE"], "accepted"),
            ([*["SKU-1"] * units, "DONE-PICK"], "picked"),
            ([*["SKU-1"] * units], "picked"),
            (["DONE-PACK"], "packed"),
            (["DONE-HAND-OVER"], "handed_over"),
        ):
            expect(page.get_by_label("Scan or type")).to_be_focused()
            for code in codes:
                page.keyboard.type(f"{code}\n")
            if codes[-1] == "SKU-1":
                # of what is packed somebody says the weight
                expect(page.get_by_text(f"{units} of {units} counted")).to_be_visible()
                page.get_by_label("Weight of package 1").fill("1800")
                page.get_by_label("Scan or type").focus()
            expect(page.locator("h1 .tag")).to_have_text(stage)
            if stage == "accepted":
                # what is to be picked now is there on paper, too
                paper = page.request.get("/console/warehouse/pick-list.pdf?location=dc-1").body()
                assert f"Work {work}" in text_of(paper)
    # then the goods have left
    eventually(lambda: site.get(f"/fulfillment-orders/{work}")["stage"] == "handed_over", because="handed over")


def test_a_page_that_stands_open_follows_what_happens(site: Site, browser: Browser) -> None:
    # given the page of what goes on now, open
    with signed_in(browser, site, Role.VIEWER) as page:
        expect(page.get_by_role("heading", name="Now")).to_be_visible()
        arrived = page.locator(".card b").first
        before = int(arrived.inner_text())
        # when an order comes in, then the page says so without being loaded again
        known(site, "shop-4713")
        expect(arrived).not_to_have_text(str(before))


def test_a_planner_sees_who_holds_an_article_and_adjusts_it_with_a_reason(site: Site, browser: Browser) -> None:
    order_id = known(site, "shop-4714")
    with signed_in(browser, site, Role.WAREHOUSE, Role.VIEWER) as page:
        page.goto("/console/stock/SKU-1")
        expect(page.get_by_role("link", name=f"order {order_id[:8]}").first).to_be_visible()
        page.get_by_text("Adjust the stock").click()
        page.get_by_label("Units").fill("1")
        page.get_by_label("What happened").select_option("damaged")
        page.get_by_label("Why").fill("fell off the shelf")
        page.get_by_role("button", name="Adjust").click()
        expect(page.get_by_text("Adjusted: StockAdjusted.")).to_be_visible()
        expect(page.get_by_role("region", name="Movements")).to_contain_text("fell off the shelf")
        expect(page.get_by_role("img", name="Stock at dc-1 by movement")).to_be_visible()


def test_an_operator_makes_tables_again_and_plays_a_part_of_the_log(site: Site, browser: Browser) -> None:
    # given a row in the console's tables that no topic says
    known(site, "shop-4722")
    stray = "insert into names values ('nobody', 'order', 'stray', 'stray')"
    with connect(site.settings.database, declare_console(site.settings.namespace).schema) as tables:
        tables.execute(stray)
        with signed_in(browser, site, Role.ADMIN) as page:
            # when the tables are made again, then the page says how they differ, and who asked why
            begun(page, "Make tables again and compare", service="console", why="a search finds nobody")
            row = page.get_by_role("row").filter(has_text="Tables made again").first
            expect(row).to_contain_text("names: the first row that differs", timeout=RUN_MS)
            expect(row).to_contain_text("order_id nobody")
            expect(row).to_contain_text("ada")
            expect(row).to_contain_text("a search finds nobody")
            tables.execute("delete from names where order_id = 'nobody'")
            # while it was at work it said how far it was
            [said] = site.settings.runs.glob("*/said.log")
            told = [far_of(line) for line in said.read_text().splitlines()]
            assert "console: offsets followed" in {far.step for far in told if far}
            # and what came in at payments is written as it was, when it is played again
            begun(page, "Replay into a sandbox and compare", service="payments", into=SANDBOX, why="another rule")
            row = page.get_by_role("row").filter(has_text="Replay").first
            expect(row.locator(".tag.good")).to_have_text("equal", timeout=RUN_MS)
            # until its sandbox is deleted, of which one that is killed says so
            begun(page, "Delete a sandbox", into=SANDBOX, why="seen enough")
            row = page.get_by_role("row").filter(has_text="Sandbox deleted").first
            expect(row.locator(".tag.good")).to_have_text("done", timeout=RUN_MS)
            begun(page, "Make tables again and compare", service="order", why="a look")
            [doing] = [
                each
                for each in psutil.Process(site.processes["oms.doors"].pid).children()
                if "oms.runs.beneath" in each.cmdline()
            ]
            doing.kill()
            row = page.get_by_role("row").filter(has_text="a look").first
            expect(row).to_contain_text("ended by SIGKILL", timeout=RUN_MS)


def begun(page: Page, title: str, **fields: str) -> None:
    """An operator fills in a form of what can be begun, and sends it."""
    page.goto("/console/operators")
    sent(page, title, **fields)
    expect(page.get_by_text("Begun: at work.")).to_be_visible()


@pytest.mark.parametrize(("width", "dark"), [(1280, False), (390, True)])
def test_everybody_can_use_the_pages(site: Site, browser: Browser, width: int, dark: bool) -> None:
    # given whoever may do everything, on a large screen by day or a phone by night
    order_id = known(site, f"shop-{width}")
    export(reach_log(site.settings), site.settings.numbers, site.settings.namespace)
    figures = "numbers/orders?by=channel&value=webshop-eu"
    pages = (
        "",
        "orders",
        f"orders/{order_id}",
        "exceptions",
        "stock",
        "stock/SKU-1",
        "warehouse",
        "numbers",
        figures,
        "numbers/stock",
        "operators",
    )
    with signed_in(browser, site, Role.ADMIN, width=width, dark=dark) as page:
        for name in pages:
            page.goto(f"/console/{name}")
            # then no rule of axe is broken (WCAG 2.2 AA and its best practices), and nothing runs out of the screen
            found = Axe().run(page)
            assert found.violations_count == 0, (name, found.generate_report())
            assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), name


@pytest.mark.parametrize("width, dark", ((1280, False), (390, True)))
def test_somebody_signs_in_with_an_account_by_keyboard_alone(
    site: Site, browser: Browser, width: int, dark: bool
) -> None:
    # given an account, and its sign-in, which breaks no rule of axe and does not run out of the screen
    accounts, name = Accounts(site.settings.accounts), f"eve-{width}"
    accounts.add(name, frozenset({Role.CSR}), "correct horse battery")
    context = browser.new_context(
        base_url=f"http://127.0.0.1:{site.settings.http_port}",
        viewport={"width": width, "height": 900},
        color_scheme="dark" if dark else "light",
    )
    context.set_default_timeout(SEEN_MS)
    page = context.new_page()
    page.goto("/console/orders?q=tea")
    for password in ("guessed", "correct horse battery"):
        assert Axe().run(page).response["violations"] == []
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
        # when name and password are typed, a wrong one first
        expect(page.get_by_label("Name")).to_be_focused()
        page.keyboard.type(name)
        page.keyboard.press("Tab")
        page.keyboard.type(password)
        page.keyboard.press("Enter")
        if password == "guessed":
            expect(page.get_by_role("alert")).to_contain_text("do not belong together")
    # then they are where they wanted to go, as who they are
    expect(page.get_by_label("Find")).to_have_value("tea")
    expect(page.get_by_text(name)).to_be_visible()
    # until the account is removed
    accounts.remove(name)
    page.reload()
    expect(page.get_by_label("Password")).to_be_visible()
    context.close()
