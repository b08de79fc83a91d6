"""Calling the HTTP doors from the command line, with the token of the console."""

from __future__ import annotations

import json
import sys
from http import HTTPStatus
from typing import Annotated, Any, NoReturn
from urllib.parse import quote
from uuid import uuid4

import httpx
import typer

from chassis.settings import load_settings
from oms.tokens import console_token

__all__ = [
    "CALL_SECONDS",
    "DOOR_EXIT_CODE",
    "WAIT_SECONDS",
    "AsJson",
    "call",
    "download",
    "fail",
    "find",
    "part",
    "print_json",
]

WAIT_SECONDS = 10
"""How long a command waits for the outcome of what it sent."""

CALL_SECONDS = 45.0
"""How long a command waits for a door to answer."""

DOOR_EXIT_CODE = 12
"""The door refused, or does not answer."""

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]


def part(name: str) -> str:
    """A name as one part of an address."""
    return quote(name, safe="")


def call(
    method: str,
    path: str,
    body: Any = None,
    key: str | None = None,
    parameters: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """The answer of a door; ends the command with one sentence when there is none, or a problem."""
    status, document = _answer(method, path, body, key, parameters)
    if status >= HTTPStatus.BAD_REQUEST:
        fail(f"{document.get('title')}. {document.get('detail')}")
    return document


def find(path: str, parameters: dict[str, Any] | None = None) -> dict[str, Any] | None:
    """What a door shows, None where it knows of nothing called so; ends the command as `call` does."""
    status, document = _answer("GET", path, None, None, parameters)
    if status == HTTPStatus.NOT_FOUND:
        return None
    if status >= HTTPStatus.BAD_REQUEST:
        fail(f"{document.get('title')}. {document.get('detail')}")
    return document


def _answer(
    method: str, path: str, body: Any, key: str | None, parameters: dict[str, Any] | None
) -> tuple[int, dict[str, Any]]:
    settings = load_settings()
    address = f"http://{settings.http_host}:{settings.http_port}"
    headers = {"Authorization": f"Bearer {console_token(settings)}"}
    if method == "POST":
        headers |= {"Idempotency-Key": key or uuid4().hex, "Prefer": f"wait={WAIT_SECONDS}"}
    try:
        with httpx.Client(base_url=address, timeout=CALL_SECONDS, trust_env=False) as client:
            answer = client.request(method, path, json=body, headers=headers, params=parameters)
            document: dict[str, Any] = answer.json()
    except httpx.HTTPError as error:
        fail(f"no door answers at {address} ({error}); `oms up` opens it, `oms status` shows what runs")
    except ValueError:
        fail(f"what answers at {address} is no door of Orderlog; look at the settings http_host and http_port")
    return answer.status_code, document


def download(path: str, parameters: dict[str, Any] | None = None) -> bytes:
    """What a door writes that is no JSON, such as a PDF; ends the command as `call` does."""
    settings = load_settings()
    address = f"http://{settings.http_host}:{settings.http_port}"
    headers = {"Authorization": f"Bearer {console_token(settings)}"}
    try:
        with httpx.Client(base_url=address, timeout=CALL_SECONDS, trust_env=False) as client:
            answer = client.get(path, headers=headers, params=parameters)
    except httpx.HTTPError as error:
        fail(f"no door answers at {address} ({error}); `oms up` opens it, `oms status` shows what runs")
    if answer.is_error:
        document = answer.json()
        fail(f"{document.get('title')}. {document.get('detail')}")
    return answer.content


def print_json(document: object) -> None:
    """For programs."""
    sys.stdout.write(json.dumps(document, indent=2) + "\n")


def fail(sentence: str) -> NoReturn:
    """End the command with a sentence for people."""
    sys.stderr.write(f"oms: {sentence}\n")
    raise typer.Exit(DOOR_EXIT_CODE)
