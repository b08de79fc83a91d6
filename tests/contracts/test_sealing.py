"""Personal data is sealed at the door, equal stays equal, and forgetting is for ever."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from chassis.sealing import (
    CACHED_KEY_AGE_MAX_SECONDS,
    FileMasterKey,
    MasterKeyMisfit,
    MasterKeyRefused,
    PersonalDataForgotten,
    PersonalDataUnreadable,
    PersonKeyLost,
    Sealer,
    create_master_key,
)
from chassis.vault import MemoryVault
from contracts.personal import PersonalContent

BUYER, RECIPIENT = "05862dfe-9882-5e28-b47e-3a452e2a5783", "6f0a7c2e-5e4f-5a51-9f55-0a1b2c3d4e5f"
ADA = PersonalContent(name="Ada", email="ada@shop.example")


class Clock:
    """A clock that goes when told."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def master_key(tmp_path: Path) -> FileMasterKey:
    create_master_key(tmp_path / "master.key")
    return FileMasterKey(tmp_path / "master.key")


def test_what_was_sealed_opens_again_and_equal_is_equal(master_key: FileMasterKey) -> None:
    vault = MemoryVault()
    sealed = Sealer(vault, master_key).seal(BUYER, ADA)
    assert Sealer(vault, master_key).seal(BUYER, ADA) == sealed
    assert Sealer(vault, master_key).open(sealed) == ADA
    assert "Ada" not in sealed.model_dump_json()


def test_the_same_content_of_two_people_is_not_equal(master_key: FileMasterKey) -> None:
    sealer = Sealer(MemoryVault(), master_key)
    assert sealer.seal(BUYER, ADA).ciphertext != sealer.seal(RECIPIENT, ADA).ciphertext


def test_forgetting_the_buyer_leaves_the_recipient(master_key: FileMasterKey) -> None:
    sealer = Sealer(MemoryVault(), master_key)
    buyer, recipient = sealer.seal(BUYER, ADA), sealer.seal(RECIPIENT, ADA)
    sealer.open(buyer)
    assert sealer.forget(BUYER)
    with pytest.raises(PersonalDataForgotten, match=BUYER):
        sealer.open(buyer)
    assert sealer.open(recipient) == ADA


def test_who_comes_back_gets_another_key_and_the_old_data_stays_forgotten(master_key: FileMasterKey) -> None:
    sealer = Sealer(MemoryVault(), master_key)
    old = sealer.seal(BUYER, ADA)
    sealer.forget(BUYER)
    new = sealer.seal(BUYER, ADA)
    assert sealer.open(new) == ADA
    with pytest.raises(PersonalDataForgotten, match="before they came back"):
        sealer.open(old)


def test_a_key_that_is_missing_and_was_not_destroyed_is_lost_and_named(master_key: FileMasterKey) -> None:
    sealed = Sealer(MemoryVault(), master_key).seal(BUYER, ADA)
    with pytest.raises(PersonKeyLost, match=f"no key of the subject {BUYER}.*backup of the vault"):
        Sealer(MemoryVault(), master_key).open(sealed)


def test_another_process_stops_opening_within_the_age_of_its_cache(master_key: FileMasterKey) -> None:
    vault, clock = MemoryVault(), Clock()
    here, there = Sealer(vault, master_key), Sealer(vault, master_key, clock)
    sealed = here.seal(BUYER, ADA)
    there.open(sealed)
    here.forget(BUYER)
    clock.seconds = CACHED_KEY_AGE_MAX_SECONDS
    with pytest.raises(PersonalDataForgotten):
        there.open(sealed)


def test_what_leaves_us_is_opened_by_no_key_in_memory(master_key: FileMasterKey) -> None:
    vault = MemoryVault()
    here, there = Sealer(vault, master_key), Sealer(vault, master_key)
    sealed = there.seal(BUYER, ADA)
    assert there.open_anew(sealed) == ADA
    here.forget(BUYER)
    with pytest.raises(PersonalDataForgotten):
        there.open_anew(sealed)


def test_of_many_those_are_opened_who_are_not_forgotten_by_the_keys_of_now(master_key: FileMasterKey) -> None:
    # given a buyer who was forgotten and came back, and data of both times, beside that of another
    sealer = Sealer(MemoryVault(), master_key)
    before, other = sealer.seal(BUYER, PersonalContent(name="before")), sealer.seal(RECIPIENT, ADA)
    assert sealer.open_all([before, other, before]) == {before: PersonalContent(name="before"), other: ADA}
    sealer.forget(BUYER)
    assert sealer.open_all([before, other]) == {other: ADA}
    after = sealer.seal(BUYER, ADA)
    assert sealer.open_all([before, after, other]) == {after: ADA, other: ADA}
    assert sealer.open_all([]) == {}


def test_of_many_none_is_opened_as_long_as_the_master_key_is_another_one(tmp_path: Path) -> None:
    vault, keys = MemoryVault(), [tmp_path / "one.key", tmp_path / "two.key"]
    for key in keys:
        create_master_key(key)
    sealed = Sealer(vault, FileMasterKey(keys[0])).seal(BUYER, ADA)
    with pytest.raises(MasterKeyMisfit):
        Sealer(vault, FileMasterKey(keys[1])).open_all([sealed])


def test_another_process_never_seals_under_a_destroyed_key(master_key: FileMasterKey) -> None:
    vault = MemoryVault()
    here, there = Sealer(vault, master_key), Sealer(vault, master_key)
    there.open(there.seal(BUYER, ADA))
    here.forget(BUYER)
    assert here.open(there.seal(BUYER, ADA)) == ADA


def test_cached_keys_are_bounded(master_key: FileMasterKey, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chassis.sealing.CACHED_KEYS_MAX", 2)
    sealer = Sealer(MemoryVault(), master_key)
    for number in range(5):
        sealer.open(sealer.seal(f"subject-{number}", ADA))
    assert len(sealer._cached) == 2


def test_an_altered_ciphertext_or_another_subject_is_told(master_key: FileMasterKey) -> None:
    sealer = Sealer(MemoryVault(), master_key)
    sealed, other = sealer.seal(BUYER, ADA), sealer.seal(RECIPIENT, ADA)
    for wrong in (
        sealed.model_copy(update={"ciphertext": other.ciphertext}),
        sealed.model_copy(update={"ciphertext": "not base64!"}),
    ):
        with pytest.raises(PersonalDataUnreadable, match=BUYER):
            sealer.open(wrong)


def test_the_vault_of_another_master_key_is_told(master_key: FileMasterKey, tmp_path: Path) -> None:
    vault = MemoryVault()
    sealed = Sealer(vault, master_key).seal(BUYER, ADA)
    create_master_key(tmp_path / "other.key")
    other = Sealer(vault, FileMasterKey(tmp_path / "other.key"))
    for needs_it in (lambda: other.open(sealed), lambda: other.seal(BUYER, ADA)):
        with pytest.raises(MasterKeyMisfit, match="bring back the master key"):
            needs_it()


def test_once_the_master_key_is_back_it_is_used_without_a_restart(tmp_path: Path) -> None:
    vault, right, used = MemoryVault(), tmp_path / "right.key", tmp_path / "used.key"
    create_master_key(right)
    sealed = Sealer(vault, FileMasterKey(right)).seal(BUYER, ADA)
    create_master_key(used)
    sealer = Sealer(vault, FileMasterKey(used))
    with pytest.raises(MasterKeyMisfit):
        sealer.open(sealed)
    right.replace(used)
    assert sealer.open(sealed) == ADA


def test_a_master_key_is_made_once_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "master.key"
    assert create_master_key(path)
    made = path.read_text()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert not create_master_key(path)
    assert path.read_text() == made


@pytest.mark.parametrize(
    ("text", "mode", "sentence"),
    [
        ("00" * 64, 0o644, "everybody on this machine may read or write the master key .* chmod 600"),
        ("secret", 0o600, "holds no master key"),
        ("00" * 16, 0o600, "has 128 bits instead of 512"),
    ],
)
def test_a_master_key_that_cannot_be_used_is_refused(tmp_path: Path, text: str, mode: int, sentence: str) -> None:
    path = tmp_path / "master.key"
    path.write_text(text)
    path.chmod(mode)
    with pytest.raises(MasterKeyRefused, match=sentence):
        FileMasterKey(path)


def test_a_missing_master_key_is_told(tmp_path: Path) -> None:
    with pytest.raises(MasterKeyRefused, match="cannot be read"):
        FileMasterKey(tmp_path / "master.key")
