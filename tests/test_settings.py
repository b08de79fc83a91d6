"""Settings: what is read from where, and what is refused in which words."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from chassis.settings import OTHER_VARIABLES, Settings, SettingsRefused, load_settings

DOCUMENT = Path(__file__).parent.parent / "docs" / "settings.md"


@pytest.fixture(autouse=True)
def no_settings_of_ours(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """An empty folder and an environment without a setting."""
    for name in [name for name in os.environ if name.startswith("OMS_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


def test_nothing_set_gives_the_defaults() -> None:
    assert load_settings() == Settings()


def test_the_environment_goes_before_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("oms.toml").write_text("partitions = 6\nhttp_port = 8090\n")
    monkeypatch.setenv("OMS_PARTITIONS", "8")

    settings = load_settings()

    assert (settings.partitions, settings.http_port) == (8, 8090)


def test_a_file_may_be_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "other.toml").write_text('namespace = "try1"\n')
    monkeypatch.setenv("OMS_CONFIG", "other.toml")

    assert load_settings().namespace == "try1"


def test_an_unknown_variable_is_refused_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMS_PARTITION", "8")

    with pytest.raises(SettingsRefused, match="OMS_PARTITION"):
        load_settings()


def test_a_variable_in_other_letters_is_refused_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("oms_home", "elsewhere")

    with pytest.raises(SettingsRefused, match="oms_home"):
        load_settings()


def test_an_unknown_name_in_the_file_is_refused_by_name() -> None:
    Path("oms.toml").write_text("partition = 6\n")

    with pytest.raises(SettingsRefused, match="partition"):
        load_settings()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("partitions", "many"),
        ("partitions", "0"),
        ("http_port", "70000"),
        ("http_port", "0"),
        ("http_host", ""),
        ("bootstrap", "no port"),
        ("bootstrap", "127.0.0.1:99999"),
        ("bootstrap", "127.0.0.1:0"),
        ("database", "mysql://localhost/x"),
        ("database", "postgresql://orderlog@127.0.0.1/orderlog"),
        ("database", "postgresql://orderlog@127.0.0.1:99999/orderlog"),
        ("vault", "postgresql://orderlog@127.0.0.1:port/vault"),
        ("namespace", "With Spaces"),
        ("mail_by", "pigeon"),
        ("smtp_port", "0"),
        ("smtp_security", "ssl"),
        ("smtp_user", "orders"),
        ("smtp_password_file", "/etc/password"),
        ("senders", '{"acme": {"from": "no address"}}'),
        ("senders", '{"acme": {"from": "a@b.example\\r\\nBcc: z@b.example"}}'),
        ("senders", '{"acme": {"from": "=?utf-8?q?a?=@b.example"}}'),
        ("senders", '{"acme": {"name": "Acme\\nBcc: z@b.example"}}'),
        ("senders", '{"acme": {"sender": "a@b.example"}}'),
        ("senders", '{"acme": {"zone": "Middle-earth/Shire"}}'),
    ],
)
def test_a_wrong_value_is_refused_by_name(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(f"OMS_{name.upper()}", value)

    with pytest.raises(SettingsRefused, match=name):
        load_settings()


def test_senders_are_tables_of_the_file() -> None:
    Path("oms.toml").write_text(
        '[senders."*"]\nfrom = "orders@example.com"\n'
        '[senders.acme]\nfrom = "tea@acme.example"\nname = "Acme"\nzone = "Europe/Berlin"\n'
    )

    senders = load_settings().senders

    assert {name: sender.address for name, sender in senders.items()} == {
        "*": "orders@example.com",
        "acme": "tea@acme.example",
    }
    assert (senders["acme"].name, senders["acme"].zone, senders["acme"].templates) == ("Acme", "Europe/Berlin", None)


def test_a_password_is_not_sent_in_the_clear() -> None:
    Path("oms.toml").write_text('smtp_user = "orders"\nsmtp_password_file = "password"\nsmtp_security = "none"\n')

    with pytest.raises(SettingsRefused, match="in the clear"):
        load_settings()


def test_a_named_file_must_exist(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMS_CONFIG", "nowhere.toml")

    with pytest.raises(SettingsRefused, match=r"nowhere\.toml"):
        load_settings()


def test_a_file_that_is_not_toml_is_refused() -> None:
    Path("oms.toml").write_text("partitions: 6\n")

    with pytest.raises(SettingsRefused, match=r"oms\.toml"):
        load_settings()


def test_a_file_that_is_not_text_is_refused() -> None:
    Path("oms.toml").write_bytes(b'home = "\xff"\n')

    with pytest.raises(SettingsRefused, match=r"oms\.toml"):
        load_settings()


def test_the_document_has_every_setting_with_its_variable_and_default() -> None:
    rows = re.findall(r"^\| `(\w+)` \| `(OMS_\w+)` \| ([^|]+) \|", DOCUMENT.read_text(), re.MULTILINE)

    assert rows == [
        (name, f"OMS_{name.upper()}", _documented(field.default)) for name, field in Settings.model_fields.items()
    ]


def test_the_document_has_the_variables_that_are_no_settings() -> None:
    rows = re.findall(r"^\| `(OMS_\w+)` \|", DOCUMENT.read_text(), re.MULTILINE)

    assert set(rows) == OTHER_VARIABLES


def _documented(default: object) -> str:
    if default in ("", {}):
        return "empty"
    return "not set" if default is None else f"`{default}`"
