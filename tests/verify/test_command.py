"""`oms verify` as it is typed: what it prints and writes, its exit codes, and how it goes on beside a system that lives."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from oms import verifying
from oms.main import app
from oms.verify import running
from oms.verify.records import Bounds, Partition, Unreadable
from oms.verify.rules import RULES
from tests.verify.installations import MemoryBroker, MemoryInstallation, MemoryTables
from tests.verify.lives import clean
from tests.verify.logs import with_header


class Away(MemoryBroker):
    """A broker that does not answer."""

    def bounds(self) -> Mapping[Partition, Bounds]:
        raise Unreadable("no broker answers at 127.0.0.1:1: start it with `oms up`")


@dataclass
class Wall:
    """A clock that only waiting moves, and what happens meanwhile: one thing at each wait."""

    meanwhile: list[Callable[[], None]] = field(default_factory=list)
    seconds: float = 0.0

    def monotonic(self) -> float:
        return self.seconds

    def sleep(self, seconds: float) -> None:
        self.seconds += seconds
        if self.meanwhile:
            self.meanwhile.pop(0)()


@dataclass
class Here:
    """An installation that the settings name, and what the command was asked of."""

    of: MemoryInstallation
    asked: set[str] = field(default_factory=set)

    def type(self, *arguments: str) -> Result:
        return CliRunner().invoke(app, ["verify", *arguments])

    def broker(self, _: str, namespace: str) -> MemoryBroker:
        self.asked.add(f"topics of {namespace}")
        return self.of.log

    def tables(self, _: str, namespace: str) -> MemoryTables:
        self.asked.add(f"tables of {namespace}")
        return self.of.tables


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Here:
    here = Here(clean())
    monkeypatch.setenv("OMS_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(verifying, "KafkaSource", here.broker)
    monkeypatch.setattr(verifying, "PostgresTables", here.tables)
    return here


def _break(here: Here) -> None:
    """The first order's stream has its first event once more."""
    here.of.log.repeat(here.of.log.all("order.events", "OrderPlaced")[0])


def test_all_that_holds_is_printed_a_line_a_rule_and_ends_with_0(here: Here) -> None:
    said = here.type()
    assert said.exit_code == 0, said.output
    assert [line.split("  ")[0] for line in said.stdout.splitlines()[: len(RULES)]] == list(RULES)
    assert "I-05 once" in said.stdout and "no books of a payment provider were named" in said.stdout
    assert said.stdout.rstrip().endswith("everything that was checked holds")


def test_what_is_broken_is_told_with_its_first_record_and_ends_with_1(here: Here) -> None:
    _break(here)
    said = here.type()
    assert said.exit_code == 1
    assert "\nI-11 versions: " in said.stdout
    assert "\n  ce_type: orderlog.order.OrderPlaced.v1\n" in said.stdout
    assert "I-11 versions" in said.stdout.splitlines()[-1] and said.stdout.splitlines()[-1].startswith("FAILED: ")


def test_where_nothing_is_there_nothing_is_proved_and_it_ends_with_1(here: Here) -> None:
    for records in here.of.log.logs.values():
        records.clear()
    here.of.tables = MemoryTables.following(here.of.log)
    said = here.type()
    assert said.exit_code == 1
    assert "NOTHING CHECKED" in said.stdout


def test_what_cannot_be_read_is_said_and_ends_with_2(here: Here) -> None:
    here.of.log = Away()
    said = here.type()
    assert said.exit_code == 2
    assert said.stderr == "oms verify: no broker answers at 127.0.0.1:1: start it with `oms up`\n"
    assert not said.stdout


def test_all_of_it_is_written_as_json(here: Here, tmp_path: Path) -> None:
    _break(here)
    report = tmp_path / "report.json"
    assert here.type("--json", str(report)).exit_code == 1
    found = json.loads(report.read_text())
    assert not found["clean"] and set(found["rules"]) == set(RULES)
    broken = found["rules"]["I-11 versions"]
    assert (broken["state"], broken["violated"]) == ("BROKEN", 1)
    assert dict(broken["first"]["record"]["headers"])["ce_type"] == "orderlog.order.OrderPlaced.v1"
    assert found["rules"]["I-05 once"]["why"] == "no books of a payment provider were named"
    assert [path.name for path in tmp_path.glob("*.json*")] == ["report.json"]


def test_a_report_that_has_nowhere_to_go_is_refused_before_anything_is_read(here: Here, tmp_path: Path) -> None:
    said = here.type("--json", str(tmp_path / "nowhere" / "report.json"))
    assert said.exit_code == 2
    assert "nowhere" in said.stderr and not here.asked


def test_another_installation_on_the_same_broker_is_checked_by_its_namespace(here: Here) -> None:
    # the table of a transaction names topics as the broker does
    for records in here.of.log.logs.values():
        for number, record in enumerate(records):
            transaction = dict(record.headers).get("ce_txn", b"").decode()
            name, table, counts = transaction.partition(";")
            if table:
                named = {f"other-{topic}": count for topic, count in json.loads(counts).items()}
                records[number] = with_header(record, "ce_txn", f"{name};{json.dumps(named)}")
    here.of.log.seal()
    here.of.tables = MemoryTables.following(here.of.log)
    said = here.type("--namespace", "other")
    assert said.exit_code == 0, said.output
    assert here.asked == {"topics of other", "tables of other"}


def test_it_goes_on_beside_what_lives_and_says_only_what_changed(here: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    wall = Wall([lambda: None, lambda: _break(here), lambda: None])
    monkeypatch.setattr(running, "time", wall)
    said = here.type("--follow", "20")
    # it was clean, and said so once; then it was broken, which is said once, and is how it ends
    assert said.stdout.count("everything that was checked holds") == 1
    assert said.stdout.count("\nFAILED: ") == 1
    assert said.stdout.index("everything that was checked holds") < said.stdout.index("\nFAILED: ")
    assert said.exit_code == 1
    assert wall.seconds == 20


def test_a_text_that_was_planted_as_a_customer_s_is_looked_for(here: Here) -> None:
    order = here.of.log.all("order.events", "OrderPlaced")[0]
    planted = dict(order.headers)["ce_subject"].decode()
    assert "I-20 canaries" in here.type("--canary", planted).stdout.splitlines()[-1]
    assert here.type("--canary", "Zebedeus Quillfeather").exit_code == 0
