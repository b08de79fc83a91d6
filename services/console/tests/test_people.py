"""By what people are found: keyed digests of their address and of the words of their name, whatever the spelling."""

from __future__ import annotations

from pathlib import Path

import pytest

from chassis.sealing import FileMasterKey, Sealer, create_master_key
from chassis.vault import MemoryVault
from contracts.personal import PersonalContent
from services.console.people import WORDS_MAX, Digests

ADA = PersonalContent(name="Ada Müller-Lüdenscheidt", email=" Ada@Example.org", city="Bergen")


@pytest.fixture
def sealer(tmp_path: Path) -> Sealer:
    create_master_key(tmp_path / "master.key")
    return Sealer(MemoryVault(), FileMasterKey(tmp_path / "master.key"))


@pytest.fixture
def digests(sealer: Sealer) -> Digests:
    return Digests(sealer.seal, "default")


@pytest.mark.parametrize(
    "said",
    ["ada@example.org", " ADA@EXAMPLE.ORG ", "ada", "MULLER", "müller", "Lüdenscheidt Ada", "Ada Müller-Lüdenscheidt"],
)
def test_somebody_is_found_by_their_address_or_by_whole_words_of_their_name(digests: Digests, said: str) -> None:
    wanted = digests.of_search(said)
    assert wanted and set(wanted) <= set(digests.of_person(ADA))


@pytest.mark.parametrize("said", ["ad", "ada@example", "example.org", "bergen", "ada bob", "mull"])
def test_nobody_is_found_by_a_part_of_it_or_by_what_somebody_else_is_called(digests: Digests, said: str) -> None:
    assert not set(digests.of_search(said)) <= set(digests.of_person(ADA))


@pytest.mark.parametrize("said", ["", "  ", "QQNX5-E2MGN-U", "1001", "095212340000000051", "%", "a"])
def test_what_can_be_no_person_is_not_looked_for(digests: Digests, said: str) -> None:
    assert digests.of_search(said) == []


def test_a_digest_says_nothing_without_the_key_and_is_the_same_in_every_process(
    digests: Digests, sealer: Sealer, tmp_path: Path
) -> None:
    assert Digests(sealer.seal, "default").of_person(ADA) == digests.of_person(ADA)
    create_master_key(tmp_path / "other.key")
    other = Sealer(MemoryVault(), FileMasterKey(tmp_path / "other.key"))
    assert not set(Digests(other.seal, "default").of_person(ADA)) & set(digests.of_person(ADA))


def test_so_many_words_are_taken_and_no_more(digests: Digests) -> None:
    many = " ".join("ab" + chr(ord("a") + n % 26) + chr(ord("a") + n // 26) for n in range(WORDS_MAX + 5))
    assert len(digests.of_search(many)) == len(digests.of_person(PersonalContent(name=many))) == WORDS_MAX
