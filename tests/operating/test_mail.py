"""From the settings to what the worker stands on; what cannot be used is said at the start, in one sentence."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from chassis.runtime import Exit
from chassis.sealing import create_master_key
from chassis.settings import SenderSettings, Settings, SettingsRefused
from oms.mail import make_mail, make_postbox
from services.order.postbox import OutboxFolder
from services.order.smtp import SmtpPostbox
from tests.mailserver import certificate


def smtp(**more: Any) -> Settings:
    return Settings(mail_by="smtp", **more)


def secret(folder: Path, mode: int = 0o600) -> Path:
    file = folder / "password"
    file.write_text("correct horse\n")
    file.chmod(mode)
    return file


def test_messages_are_files_unless_a_mail_server_is_wanted(tmp_path: Path) -> None:
    assert isinstance(make_postbox(Settings(home=tmp_path)), OutboxFolder)
    ca_file, _ = certificate(tmp_path)
    chosen = smtp(smtp_user="orders", smtp_password_file=secret(tmp_path), smtp_ca_file=ca_file)
    assert isinstance(make_postbox(chosen), SmtpPostbox)


@pytest.mark.parametrize("mode", [0o640, 0o604])
def test_a_password_that_others_may_read_is_refused(tmp_path: Path, mode: int) -> None:
    with pytest.raises(SettingsRefused, match="chmod 600"):
        make_postbox(smtp(smtp_user="orders", smtp_password_file=secret(tmp_path, mode)))


def test_a_file_that_is_not_there_is_refused_by_its_setting(tmp_path: Path) -> None:
    with pytest.raises(SettingsRefused, match=r"smtp_password_file: .*nowhere"):
        make_postbox(smtp(smtp_user="orders", smtp_password_file=tmp_path / "nowhere"))
    with pytest.raises(SettingsRefused, match=r"smtp_ca_file: .*nowhere"):
        make_postbox(smtp(smtp_ca_file=tmp_path / "nowhere"))
    (tmp_path / "empty.pem").write_text("")
    with pytest.raises(SettingsRefused, match="holds no certificates"):
        make_postbox(smtp(smtp_ca_file=tmp_path / "empty.pem"))


def test_templates_that_fail_are_refused(tmp_path: Path) -> None:
    (tmp_path / "held.txt").write_text("{{ no_such_thing }}")
    with pytest.raises(SettingsRefused, match=r"senders: .*fail to tell held"):
        make_mail(Settings(senders={"acme": SenderSettings(templates=tmp_path)}))


def test_a_worker_that_cannot_write_the_messages_of_a_brand_ends_with_one_sentence(tmp_path: Path) -> None:
    create_master_key(tmp_path / "master.key")
    config = tmp_path / "oms.toml"
    config.write_text(f'home = "{tmp_path}"\n[senders.acme]\ntemplates = "{tmp_path / "nowhere"}"\n')
    environment = {name: value for name, value in os.environ.items() if not name.startswith("OMS_")}
    done = subprocess.run(
        [sys.executable, "-m", "oms.workers"],
        env={**environment, "OMS_CONFIG": str(config)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == Exit.SETTINGS
    assert len(done.stderr.splitlines()) == 1
    assert "no folder of templates" in done.stderr
