"""Every example of the guides for outsiders, run as it stands, in order, on a whole installation.

Only the broker's address is another. What an example prints is compared with the block below it; `…` stands for anything.
An example in kcat or curl is skipped where there is none.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from confluent_kafka import Producer

from chassis.doors import Door, Entry
from chassis.settings import Settings
from contracts import topics
from contracts.fulfillment import (
    PackedContent,
    PackedPackage,
    PickLine,
    RecordAcceptance,
    RecordHandOver,
    RecordPack,
    RecordPick,
)
from contracts.ids import aggregate_id, stream
from contracts.inventory import ReceiveStock
from contracts.message import Command
from deploy.local.process import free_port
from oms.demo.site import Site
from oms.demo.tail import Seen, history
from oms.stack import Stack
from oms.tokens import console_token
from tests.conftest import servers_folder
from tests.doors.fakes import KeptWriter
from tests.waiting import eventually

ROOT = Path(__file__).parents[2]
GUIDES = ("publishing", "consuming", "cutover", "http", "dead-letters")
DEFAULT_BROKER = "127.0.0.1:19092"
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
EXAMPLE_SECONDS = 90


@dataclass(frozen=True)
class Example:
    """A fenced block that runs, and what the block after it says that it prints."""

    name: str
    language: str
    code: str
    prints: str | None


def examples(guide: str) -> Iterator[Example]:
    blocks = BLOCK.findall((ROOT / "docs" / f"{guide}.md").read_text())
    for number, (language, code) in enumerate(blocks):
        if language != "text":
            shown = blocks[number + 1] if number + 1 < len(blocks) else ("", "")
            yield Example(f"{guide}-{number}", language, code, shown[1] if shown[0] == "text" else None)


EXAMPLES = [example for guide in GUIDES for example in examples(guide)]


@dataclass(frozen=True)
class Place:
    """A whole installation, and hands for what the guides leave to others: goods and a warehouse."""

    settings: Settings
    desk: Path
    """The folder that somebody works in, with our documents beside their files."""

    def send(self, service: str, name: str, command: Command, key: str) -> None:
        record = Door("guide", KeptWriter(), self.settings.partitions).record(Entry(service, name, command, (key,)))
        producer = Producer({"bootstrap.servers": self.settings.bootstrap})
        producer.produce(
            record.topic, value=record.value, key=record.key, partition=record.partition, headers=list(record.headers)
        )
        assert producer.flush(30) == 0

    def seen(self, service: str, *names: str) -> list[Seen]:
        site = Site(self.settings.bootstrap, "", "", self.settings.home)
        return [event for event in history(site, service) if event.name in names]

    def receive(self, sku: str, quantity: int) -> None:
        goods = ReceiveStock(sku=sku, location="berlin", quantity=quantity, unit="each", document="guide")
        self.send("inventory", stream("stock_item", aggregate_id("default", "stock_item", sku)), goods, sku)
        eventually(lambda: self.seen("inventory", "StockReceived"), because="the goods received")

    def shown(self, path: str, name: str) -> None:
        """What is read there has followed as far as this name."""
        address = f"http://{self.settings.http_host}:{self.settings.http_port}{path}"
        headers = {"Authorization": f"Bearer {console_token(self.settings)}"}

        def there() -> bool:
            answer = httpx.get(address, headers=headers, trust_env=False)
            return answer.is_success and name in answer.text

        eventually(there, because=path)

    def work(self) -> None:
        """The warehouse does the one piece of work that it has, up to the hand-over; the money is taken."""
        (asked,) = eventually(lambda: self.seen("fulfillment", "FulfillmentOrderCreated"), because="work")
        name = stream("fulfillment_order", asked.id)
        lines = [{key: line[key] for key in ("line", "sequence", "quantity")} for line in asked.value["lines"]]
        package = PackedPackage(
            number=1, contents=tuple(PackedContent.model_validate(line) for line in lines), weight_grams=1800
        )
        self.send("fulfillment", name, RecordAcceptance(document="a"), "a")
        picked = tuple(PickLine.model_validate(line) for line in lines)
        self.send("fulfillment", name, RecordPick(document="p", lines=picked), "p")
        self.send("fulfillment", name, RecordPack(document="k", packages=(package,)), "k")
        eventually(lambda: self.seen("shipping", "LabelIssued"), because="the label")
        self.send("fulfillment", name, RecordHandOver(document="h"), "h")
        eventually(lambda: self.seen("order", "OrderCompleted"), because="the order completed")


@pytest.fixture(scope="module")
def place() -> Iterator[Place]:
    """Everything that `oms up` starts, on ports and in a folder of its own."""
    with servers_folder() as folder, pytest.MonkeyPatch.context() as environment:
        database = free_port()
        settings = Settings(
            home=folder / "home",
            bootstrap=f"127.0.0.1:{free_port()}",
            database=f"postgresql://orderlog@127.0.0.1:{database}/orderlog",
            vault=f"postgresql://orderlog@127.0.0.1:{database}/vault",
            http_port=free_port(),
            sandbox_port=free_port(),
        )
        for name, value in settings.model_dump(mode="json", exclude_none=True).items():
            environment.setenv(f"OMS_{name.upper()}", str(value))
        stack = Stack(settings, dies_with_parent=True)
        try:
            stack.up(lambda line: None)
            desk = folder / "desk"
            desk.mkdir()
            (desk / "docs").symlink_to(ROOT / "docs")
            environment.setenv("ORDERLOG", f"http://{settings.http_host}:{settings.http_port}")
            environment.setenv("TOKEN", console_token(settings))
            yield Place(settings, desk)
        finally:
            stack.down(lambda line: None)


def show_both(place: Place) -> None:
    """Both orders are confirmed, and known by the names that their channel gave them."""
    names = ("A-1", "A-2")

    def confirmed() -> bool:
        shown = [at_desk(place, ["oms", "order", "show", name, "--json"]) for name in names]
        return all(each.returncode == 0 and json.loads(each.stdout)["confirmed"] for each in shown)

    eventually(confirmed, because="both orders confirmed")


def at_desk(place: Place, command: Sequence[str]) -> subprocess.CompletedProcess[str]:
    """Run a command as somebody does who has `oms` and `python` on the path, and their files beside them."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        command, cwd=place.desk, env=environment, capture_output=True, text=True, timeout=EXAMPLE_SECONDS, check=False
    )


BEFORE: Mapping[str, Callable[[Place], None]] = {
    "publishing-0": lambda place: place.receive("TEAPOT", 10),
    "publishing-3": lambda place: place.work(),
    "cutover-6": show_both,
    "http-4": lambda place: place.shown("/orders/jugs-1", "jugs-1"),
    "http-8": lambda place: place.shown("/stock-items", "JUG"),
    "http-10": lambda place: place.shown("/orders", "jugs-1"),
    "dead-letters-1": lambda place: place.shown("/dead-letters?reason=EOF", "channel.orders"),
    "dead-letters-7": lambda place: place.shown("/orders/cut-1", "cut-1"),
}
"""What others have to do before an example."""


@pytest.mark.timeout(400)
@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.name)
def test_an_example_runs_and_prints_what_the_guide_says(place: Place, example: Example) -> None:
    assert example.language in {"python", "sh"}, f"{example.language} blocks are not run"
    command = [sys.executable, "-c"] if example.language == "python" else ["bash", "-o", "pipefail", "-c"]
    for tool in ("kcat", "curl"):
        if tool in example.code and shutil.which(tool) is None:
            pytest.skip(f"{tool} is not installed: this example did not run")
    if before := BEFORE.get(example.name):
        before(place)
    code = example.code.replace(DEFAULT_BROKER, place.settings.bootstrap)
    done = at_desk(place, [*command, code])
    assert done.returncode == 0, done.stderr
    if example.prints is not None:
        pattern = re.escape(example.prints).replace("…", ".*")
        assert re.fullmatch(pattern, done.stdout), done.stdout


def test_every_example_of_the_guides_is_found() -> None:
    fences = sum((ROOT / "docs" / f"{guide}.md").read_text().count("\n```") for guide in GUIDES)
    shown = sum(example.prints is not None for example in EXAMPLES)
    assert fences == 2 * (len(EXAMPLES) + shown)
    assert topics.CHANNEL_UPDATES in "".join(example.code for example in EXAMPLES)
