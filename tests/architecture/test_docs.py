"""Documents are true: what they link to exists, proofs that they name are there, and the first order is a good one."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from chassis.listing import PAGE_MAX
from chassis.problems import ProblemKind
from chassis.reading import HISTORY_MAX
from chassis.waiters import WAITERS_MAX
from chassis.web import NUMBER_MAX, WAIT_SECONDS_MAX
from contracts.channel import ChannelOrder
from contracts.personal import Personal, PersonalContent
from contracts.topics import DOOR_BODY_BYTES_MAX
from oms.doors import CONNECTIONS_MAX
from services.inventory.api import DELIVERED_LINES_MAX
from services.order.checks import findings
from services.order.intake import place_order

ROOT = Path(__file__).parents[2]
PROMISES = ROOT / "docs" / "promises.md"
LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")
NAMED_FILE = re.compile(r"`((?:tests|services|chassis|contracts|oms|deploy|docs)/[\w./-]+\.\w+)`")
NUMBERED = re.compile(r"^\| ((?:P|F|I-)\d+) \|(.*)\|$", re.MULTILINE)


def _documents() -> list[Path]:
    listed = subprocess.run(["git", "ls-files", "*.md"], cwd=ROOT, capture_output=True, text=True, check=True)
    return [ROOT / name for name in listed.stdout.split()]


@pytest.mark.parametrize("document", _documents(), ids=lambda path: str(path.relative_to(ROOT)))
def test_links_and_named_files_lead_somewhere(document: Path) -> None:
    text = document.read_text()
    links = [document.parent / link for link in LINK.findall(text) if "://" not in link]
    missing = [
        str(target) for target in (*links, *(ROOT / name for name in NAMED_FILE.findall(text))) if not target.exists()
    ]
    assert missing == []


def test_every_promise_names_its_proof_or_says_not_yet() -> None:
    rows = dict(NUMBERED.findall(PROMISES.read_text()))
    expected = [f"P{n}" for n in range(1, 6)] + [f"F{n:02}" for n in range(1, 37)]
    expected += [f"I-{n:02}" for n in range(1, 22) if n != 17]
    assert sorted(rows) == sorted(expected)
    assert [number for number, row in rows.items() if not NAMED_FILE.search(row) and "not yet" not in row] == []


def test_the_first_order_of_the_readme_is_one_that_goes_on() -> None:
    order = ChannelOrder.model_validate_json((ROOT / "docs" / "first-order.json").read_bytes())
    command = place_order(order, "default", _unsealed)
    assert findings(command) == ()


def _unsealed(subject: str, content: PersonalContent) -> Personal:
    return Personal(subject=subject, ciphertext="sealed")


def test_the_page_about_http_names_every_kind_of_problem_and_its_status() -> None:
    page = (ROOT / "docs" / "http.md").read_text()
    rows = [f"| `{kind.value}` | {kind.status} | {kind.meaning} |" for kind in ProblemKind]
    assert [row for row in rows if row not in page] == []


LIMITS = {
    "DOOR_BODY_BYTES_MAX": (DOOR_BODY_BYTES_MAX, 4 * 2**20),
    "WAIT_SECONDS_MAX": (WAIT_SECONDS_MAX, 30),
    "WAITERS_MAX": (WAITERS_MAX, 2_000),
    "CONNECTIONS_MAX": (CONNECTIONS_MAX, 1_000),
    "PAGE_MAX": (PAGE_MAX, 200),
    "HISTORY_MAX": (HISTORY_MAX, 2_000),
    "DELIVERED_LINES_MAX": (DELIVERED_LINES_MAX, 1_000),
    "NUMBER_MAX": (NUMBER_MAX, 10**15),
}
"""The limits that the page about HTTP names: as they are, and as it writes them."""


def test_the_page_about_http_names_the_limits_as_they_are() -> None:
    named = set(re.findall(r"\(`([A-Z_]+)`\)", (ROOT / "docs" / "http.md").read_text()))
    assert named == set(LIMITS)
    assert [name for name, (real, written) in LIMITS.items() if real != written] == []
