"""Files of secrets that settings name: passwords, keys of providers, what signs their notices."""

from __future__ import annotations

from pathlib import Path

from chassis.settings import Settings, SettingsRefused
from chassis.tokens import OF_OTHERS, new_token, write_secret

__all__ = ["create_sandbox_secrets", "first_line", "secret_lines"]

LINES_MAX = 10
"""Secrets that count at once; a rotation needs two."""


def first_line(setting: str, file: Path) -> str:
    """The first line of a file which is for its owner alone, as the master key is. Raises SettingsRefused."""
    try:
        mode, text = file.stat().st_mode, file.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsRefused(f"{setting}: {file} cannot be read: {error}") from error
    if mode & OF_OTHERS:
        raise SettingsRefused(f"{setting}: others may read or write {file}; run: chmod 600 {file}")
    return text.partition("\n")[0].removesuffix("\r")


def secret_lines(setting: str, file: Path) -> tuple[str, ...]:
    """The secrets in a file, one a line, of which each counts; raises SettingsRefused when there is none, or too
    many."""
    first_line(setting, file)  # who may read it
    lines = tuple(line.strip() for line in file.read_text("utf-8").splitlines() if line.strip())
    if not 0 < len(lines) <= LINES_MAX:
        raise SettingsRefused(f"{setting}: {file} must hold 1 to {LINES_MAX} secrets, one a line, not {len(lines)}")
    return lines


def create_sandbox_secrets(settings: Settings) -> None:
    """Make what lets us into the payment sandbox, and what signs its notices, where they are missing."""
    for file in (settings.sandbox_key, settings.sandbox_secrets):
        if not file.exists():
            file.parent.mkdir(parents=True, exist_ok=True)
            write_secret(file, f"{new_token()}\n")
