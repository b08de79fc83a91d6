"""Personal data in a whole installation: by whatever door it comes in, it lies nowhere in the clear; and who is forgotten
stays so, through a rebuild and an older vault, while their order goes on."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest

from chassis.kafka import KafkaLog
from chassis.vault import PostgresVault
from contracts import topics
from contracts.ids import guest_subject_id
from oms.backup.tables import schemas_of
from oms.declared import declared
from oms.forgetting import forget_again
from oms.rebuild.running import rebuild_and_compare
from services.shipping.papers import FORGOTTEN
from services.shipping.tests.parcels import text_of
from tests.integration.searching import texts_in_files, texts_in_tables, texts_in_topics
from tests.integration.test_doors import Site
from tests.integration.test_doors import order as plain_order
from tests.integration.test_doors import site as site
from tests.integration.test_rebuild import Silence
from tests.waiting import eventually

WORKERS = "oms.workers"
TENANT = "default"


def person(who: str) -> dict[str, Any]:
    """A person of whom every word can be found, and belongs to nobody else."""
    return {
        "name": f"{who} Kanarienvogel",
        "company": f"{who} & Cie",
        "address_lines": [f"{who}gasse 77"],
        "city": f"{who}hausen",
        "postcode": "QXY 99911",
        "country": "DE",
        "email": f"{who}@canary.example",
        "phone": "+49 3601 770177",
    }


def texts(who: str) -> list[str]:
    """What would give a person away."""
    words = [f"{who} Kanarienvogel", f"{who} & Cie", f"{who}gasse", f"{who}hausen", f"{who}@canary", f"psst {who}"]
    return [*words, "QXY 99911", "3601 770177"]


def order_of(who: str, external_id: str, **changes: Any) -> dict[str, Any]:
    group = {
        "group": "1",
        "ship_to": person(who),
        "gift_message": f"psst {who}, happy birthday",
        "instructions": f"psst {who} leaves the key",
    }
    fields = {"buyer": person(who), "bill_to": person(who), "ship_groups": [group], "notes": f"psst {who}"}
    return plain_order(external_id, **{**fields, **changes})


def placed(site: Site, order: dict[str, Any]) -> None:
    answer = site.post("/orders", order)
    assert answer.status_code == 201, answer.text


def known(site: Site, external_id: str) -> bool:
    return site.http.get(f"/orders/{external_id}").status_code == 200


def subjects(site: Site, external_id: str) -> list[str]:
    """The buyer, who pays and who receives, of an order of a guest."""
    order = site.get(f"/orders/{external_id}")["order_id"]
    return [guest_subject_id(TENANT, order, role) for role in ("buyer", "bill_to", "ship_to:1")]


def sealed_topics(site: Site) -> list[str]:
    """Every topic but those that hold what outsiders sent."""
    prefix = f"{site.settings.namespace}-"
    names = [name for name in KafkaLog(site.settings.bootstrap).topics() if name.startswith(prefix)]
    return [name for name in names if not name.endswith((".dead-letters", topics.CHANNEL_ORDERS))]


def nowhere(site: Site, wanted: Sequence[str]) -> None:
    """None of the texts is in a topic of ours, a table, a log or a health answer."""
    found, records = texts_in_topics(KafkaLog(site.settings.bootstrap), sealed_topics(site), wanted)
    assert (found, records > 50) == ([], True)
    found, rows = texts_in_tables(site.settings.database, schemas_of(site.settings.namespace), wanted)
    assert (found, rows > 50) == ([], True)
    forgetting = f"{site.settings.namespace}_forgetting"
    assert texts_in_tables(site.settings.vault, ["public", forgetting], wanted)[0] == []
    logs = sorted(site.settings.home.glob("*.log"))
    assert (texts_in_files(logs, wanted), len(logs)) == ([], len(site.processes))
    for place in sorted(site.settings.run_folder.glob("*.json")):
        said = httpx.get(json.loads(place.read_text())["address"], trust_env=False).text
        assert [text for text in wanted if text in said] == []


def packed(site: Site, external_id: str) -> tuple[str, str]:
    """The address of the one package of an order that its node packed, and that of its work."""
    work, node = site.work(external_id)
    done = [{"line": "1", "sequence": work["sequence"], "quantity": 2}]
    site.report(
        node,
        {
            "acceptance": {},
            "pick": {"lines": done},
            "pack": {"packages": [{"number": 1, "contents": done, "weight_grams": 500}]},
        },
    )
    told: Callable[[], Any] = lambda: site.get(f"/orders/{external_id}")["fulfillment_orders"][0].get("shipment")  # noqa: E731
    package = f"/shipments/{eventually(told, because='the shipment')}/packages/1"
    eventually(lambda: site.http.get(f"{package}/label").status_code == 200, because="the label")
    return package, node


def happened(site: Site, external_id: str) -> set[str]:
    return {event["what"] for event in site.get(f"/orders/{external_id}/timeline")["events"]}


def mails_of(site: Site, who: str) -> list[Path]:
    return [path for path in site.settings.outbox.glob("*.eml") if f"{who}@canary" in path.read_text()]


def recipient(site: Site, package: str) -> str:
    return " ".join(text_of(site.http.get(f"{package}/label").content).split())


@pytest.mark.timeout(300)
def test_what_is_personal_lies_nowhere_in_the_clear_by_whatever_door_it_came(site: Site) -> None:
    # Given stock, and what people say at every door
    site.receive("SKU-1", 20)
    placed(site, order_of("Zoria", "http-1"))
    site.publish(json.dumps(order_of("Zoria", "kafka-1")).encode(), [("who", b"Zoria Kanarienvogel")])
    site.publish(json.dumps({**order_of("Zoria", "odd-1"), "lines": "Zoria Kanarienvogel"}).encode(), [])
    eventually(lambda: known(site, "kafka-1"), because="the order of the channel")
    counter = [{"group": "1", "method": "pickup", "location": "dc-1", "pickup_person": person("Zoria")}]
    placed(site, order_of("Zoria", "counter-1", ship_groups=counter))
    nowhere_yet = [{"line_id": "a", "sku": "SKU-77", "quantity": 2, "amount": 2000}]
    placed(site, order_of("Zoria", "waits-1", lines=nowhere_yet))
    eventually(lambda: known(site, "waits-1"), because="the order that waits for its goods")
    change = {"groups": [{"group": "1", "ship_to": person("Zoria")}]}
    said = [site.post("/orders/waits-1/changes", change)]
    entry = {"account": "DE02120300000000202051", "entry": "e1", "amount": 1, "currency": "EUR"}
    said += [site.post("/bank-entries", {**entry, "booked_on": "2026-01-20", "reference": "Zoria Kanarienvogel"})]
    work, node = site.work("counter-1")
    done = [{"line": "1", "sequence": work["sequence"], "quantity": 2}]
    site.report(node, {"acceptance": {}, "pick": {"lines": done}, "ready": {"shelf": "7"}})
    said += [site.post(f"{node}/collection", {"document": "c", "collected_by": "Zoria Kanarienvogel"})]
    assert [answer.status_code for answer in said] == [200] * len(said), [answer.text for answer in said]
    # and bodies of theirs that no door takes, each wrong in another place
    for wrong in ("lines", "total", "buyer", "ship_groups", "placed_at", "tenders"):
        said.append(site.post("/orders", {**order_of("Zoria", "wrong"), wrong: "Zoria Kanarienvogel"}))
    said.append(
        site.post("/orders", {**order_of("Zoria", "wrong"), "buyer": {**person("Zoria"), "country": ["psst Zoria"]}})
    )
    said.append(site.post("/orders", order_of("Zoria", "http-1", total=1)))

    # When the workers have told the customer
    eventually(lambda: mails_of(site, "Zoria"), because="a notice in the outbox")

    # Then it is in none of the answers, and nowhere in what is kept, but for where it is said to be
    assert {answer.status_code for answer in said[3:]} <= {201, 409, 422}
    assert [text for text in texts("Zoria") for answer in said if text in answer.text] == []
    nowhere(site, texts("Zoria"))
    letters = topics.dead_letters("order", site.settings.namespace)
    assert texts_in_topics(KafkaLog(site.settings.bootstrap), [letters], ["Zoria Kanarienvogel"])[0]


@pytest.mark.timeout(300)
def test_who_is_forgotten_stays_so_and_their_order_goes_on(site: Site) -> None:
    # Given the orders of two people, packed, and a note of how the vault is
    site.receive("SKU-1", 20)
    for who in ("Ada", "Ben"):
        placed(site, order_of(who, f"{who}-1"))
    (adas, node), (bens, _) = packed(site, "Ada-1"), packed(site, "Ben-1")
    for who, package in (("Ada", adas), ("Ben", bens)):
        assert f"{who} Kanarienvogel" in recipient(site, package)
        eventually(lambda who=who: mails_of(site, who), because="their notices")  # type: ignore[misc]
    before = _keys(site)

    # When one of them is forgotten, and this is asked twice
    forgotten = subjects(site, "Ada-1")
    for subject in forgotten:
        for key in ("first", "again"):
            answer = site.post(f"/customers/{subject}/forget", {"reason": "asked"}, key=f"{key}-{subject}")
            assert answer.json()["events"][0]["type"] == "CustomerForgotten", answer.text
        eventually(lambda subject=subject: site.get(f"/customers/{subject}").get("forgotten"))  # type: ignore[misc]

    # Then nothing of theirs can be read, and the other's can
    eventually(lambda: mails_of(site, "Ada") == [], because="the outbox let go of them")
    assert mails_of(site, "Ben")
    assert FORGOTTEN in recipient(site, adas) and "Ada" not in recipient(site, adas)
    assert "Ben Kanarienvogel" in recipient(site, bens)

    # and the order leaves and is paid; nobody is told
    site.report(node, {"hand-over": {"handed_to": "driver"}})
    eventually(lambda: site.status("Ada-1") == "completed", because="the order completed")
    eventually(lambda: "NoticeNotSent" in happened(site, "Ada-1"), because="that nobody is told")
    assert mails_of(site, "Ada") == []

    # When everything is made again
    log = KafkaLog(site.settings.bootstrap)
    for name in topics.SERVICES:
        made = rebuild_and_compare(declared(name, site.settings.namespace), log, site.settings.database, Silence())
        # Then it is what it was
        assert [table.table for table in made.tables if not table.equal] == []
    nowhere(site, [*texts("Ada"), *texts("Ben")])

    # When the vault is put back as it was before, with any tool
    site.processes[WORKERS].send_signal(signal.SIGTERM)
    assert site.processes[WORKERS].wait(30) == 0
    vault = PostgresVault(site.settings.vault)
    starts: tuple[Callable[[], object], ...] = (lambda: forget_again(site.settings), lambda: site.start(WORKERS))
    for start in starts:
        _put_back(site, before)
        assert all(vault.get(subject) for subject in forgotten)
        # and `oms up` prepares what it starts, or the workers start
        start()

        # Then who was forgotten is forgotten again, by what was recorded
        eventually(lambda: not any(vault.get(subject) for subject in forgotten), 60, "forgotten again")
        assert all(vault.forgotten(subject) for subject in forgotten)
        assert all(vault.get(subject) for subject in subjects(site, "Ben-1"))
    vault.close()
    assert FORGOTTEN in recipient(site, adas)
    assert "Ben Kanarienvogel" in recipient(site, bens)


Kept = dict[str, list[tuple[Any, ...]]]


def _tables(site: Site) -> list[str]:
    return ["public.subject_key", "public.forgotten", f"{site.settings.namespace}_forgetting.projection_tracking"]


def _keys(site: Site) -> Kept:
    """The whole vault."""
    with psycopg.connect(site.settings.vault) as connection:
        return {table: connection.execute(f"table {table}").fetchall() for table in _tables(site)}


def _put_back(site: Site, kept: Kept) -> None:
    with psycopg.connect(site.settings.vault) as connection, connection.cursor() as cursor:
        for table, rows in kept.items():
            cursor.execute(f"truncate {table}")
            for row in rows:
                cursor.execute(f"insert into {table} values ({', '.join(['%s'] * len(row))})", row)
