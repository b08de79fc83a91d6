"""What every release wrote is read by today's code, and comes to the states that it came to then."""

from __future__ import annotations

from dataclasses import replace
from hashlib import sha256

import pytest

from contracts import topics
from tests.golden_logs.logs_kept import LOGS, Kept, broken_chain, digests, kept_digests, read

VERSIONS = sorted(file.name.removesuffix(".jsonl.xz") for file in LOGS.glob("*.jsonl.xz"))
BYTES_MAX = 300_000


def test_there_is_a_log_and_each_has_digests() -> None:
    assert VERSIONS and sorted(kept_digests()) == VERSIONS


@pytest.mark.parametrize("version", VERSIONS)
def test_a_golden_log_comes_to_the_states_of_its_time(version: str) -> None:
    events = read(version)
    assert broken_chain(events) == [], "the file of a golden log was changed"
    assert {each.service for each in events} == set(topics.SERVICES) and len(events) > 500
    found, kept = digests(events), kept_digests()[version]
    missing = found.keys() - kept.keys()
    assert not missing, f"folds of a new version: look at what changed, then `python -m tests.golden_logs`: {missing}"
    changed = {name for name in found if found[name] != kept[name]}
    assert not changed, f"old events come to other states, and the folds' versions are the old ones: {changed}"


@pytest.mark.parametrize("version", VERSIONS)
def test_a_golden_log_is_small_and_says_much(version: str) -> None:
    assert (LOGS / f"{version}.jsonl.xz").stat().st_size < BYTES_MAX
    types = {value for each in read(version) for name, value in each.headers if name == "ce_type"}
    assert len(types) > 90


@pytest.mark.parametrize("version", VERSIONS)
def test_each_digest_is_over_something(version: str) -> None:
    nothing = sha256().hexdigest()
    empty = {name for name, digest in kept_digests()[version].items() if digest == nothing}
    assert not empty, "the log has no such stream, and so proves nothing about it: have one in tests/golden_logs"


def test_a_changed_byte_is_noticed() -> None:
    events = read(VERSIONS[0])
    number = next(n for n, each in enumerate(events) if '"quantity":1' in each.value)
    changed: list[Kept] = [*events]
    changed[number] = replace(events[number], value=events[number].value.replace('"quantity":1', '"quantity":7', 1))
    assert broken_chain(changed)
    assert digests(changed) != digests(events)
