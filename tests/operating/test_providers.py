"""Which providers the settings make, and the files of secrets that they name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from chassis.settings import Settings, SettingsRefused
from oms.providers import ledgers_of, notices_of, providers_of
from oms.secrets import create_sandbox_secrets, first_line, secret_lines
from oms.stack import PROCESSES, SANDBOX, Stack

ACCOUNTS = {"sandbox", "sandbox-single", "sandbox-incremental"}


def kept(folder: Path, name: str, text: str, mode: int = 0o600) -> Path:
    file = folder / name
    file.write_text(text)
    file.chmod(mode)
    return file


def settings_in(folder: Path, **more: Any) -> Settings:
    settings = Settings(home=folder, **more)
    create_sandbox_secrets(settings)
    return settings


def test_as_installed_the_sandbox_is_there_by_each_account(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    assert providers_of(settings).keys() == ledgers_of(settings).keys() == ACCOUNTS
    assert notices_of(settings).keys() == {"sandbox"}
    assert settings.card_provider in ACCOUNTS


def test_stripe_is_there_by_its_files(tmp_path: Path) -> None:
    key, secrets = kept(tmp_path, "key", "sk_test_1\n"), kept(tmp_path, "secrets", "whsec_1\n\nwhsec_2\n")
    named: dict[str, Any] = {"stripe_key_file": key, "stripe_secrets_file": secrets, "card_provider": "stripe"}
    settings = settings_in(tmp_path, **named)
    assert providers_of(settings).keys() == ledgers_of(settings).keys() == {*ACCOUNTS, "stripe"}
    assert notices_of(settings).keys() == {"sandbox", "stripe"}

    alone = settings_in(tmp_path, sandbox_port=0, **named)
    assert providers_of(alone).keys() == {"stripe"} == notices_of(alone).keys()


def test_a_provider_that_is_none_is_refused() -> None:
    with pytest.raises(ValidationError, match="stripe_key_file"):
        Settings(card_provider="stripe")


def test_notices_of_stripe_need_its_key(tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match="set stripe_key_file beside stripe_secrets_file"):
        Settings(stripe_secrets_file=kept(tmp_path, "secrets", "whsec_1\n"))


def test_without_a_port_no_sandbox_runs_here() -> None:
    assert SANDBOX in PROCESSES
    assert SANDBOX in Stack(Settings()).wanted
    assert SANDBOX not in Stack(Settings(sandbox_port=0)).wanted
    assert Settings(sandbox_port=0).sandbox_address is None
    assert Settings(sandbox_port=0, sandbox_url="http://there:1").sandbox_address == "http://there:1"


def test_secrets_are_made_once_for_their_owner_alone(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    before = settings.sandbox_key.read_text(), settings.sandbox_secrets.read_text()
    create_sandbox_secrets(settings)
    assert (settings.sandbox_key.read_text(), settings.sandbox_secrets.read_text()) == before
    assert {file.stat().st_mode & 0o777 for file in (settings.sandbox_key, settings.sandbox_secrets)} == {0o600}
    assert before[0] != before[1]


def test_each_line_is_a_secret_that_counts(tmp_path: Path) -> None:
    file = kept(tmp_path, "secrets", "one\r\n\n two \n")
    assert (first_line("name", file), secret_lines("name", file)) == ("one", ("one", "two"))


@pytest.mark.parametrize(
    ("text", "mode", "said"),
    [("", 0o600, "1 to 10"), ("\n".join("abcdefghijk"), 0o600, "1 to 10"), ("one", 0o644, "chmod 600")],
)
def test_a_file_that_cannot_be_used_is_refused_by_its_setting(text: str, mode: int, said: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsRefused, match=rf"stripe_secrets_file.*{said}"):
        secret_lines("stripe_secrets_file", kept(tmp_path, "secrets", text, mode))


def test_a_file_that_is_not_there_is_refused_by_its_setting(tmp_path: Path) -> None:
    with pytest.raises(SettingsRefused, match="stripe_key_file"):
        first_line("stripe_key_file", tmp_path / "nowhere")
