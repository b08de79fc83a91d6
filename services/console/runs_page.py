"""What operators begin here and others wait for: tables made again and compared, a part of the log played into a sandbox.

Begun, watched and stopped by the doors (`/runs`), as processes of their own; here are only the forms, and how a run is
shown.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from services.console.answering import CONSOLE, Refused, form_of, parts_of, told, who_of
from services.console.inside import WISH
from services.console.showing import when

__all__ = ["READ_MODELS", "ROUTES", "shown_run"]

READ_MODELS = ("channels", "console")
"""Tables that can be made again and are of no service."""

TITLES = {"rebuild": "Tables made again", "replay": "Replay", "removal": "Sandbox deleted"}

STATES = {
    "at_work": ("at work", ""),
    "equal": ("equal", "good"),
    "different": ("different", "bad"),
    "done": ("done", "good"),
    "failed": ("failed", "bad"),
    "broken_off": ("broken off", "warn"),
}
"""By the state of a run its words, and how they look."""

MINUTE_CHARS = len("2026-01-05T09:00")


def shown_run(run: Mapping[str, Any]) -> dict[str, Any]:
    """A run as the page shows it."""
    words, looks = STATES.get(run["state"], (run["state"], ""))
    span = [f"{name} {when(datetime.fromisoformat(run[name]))}" for name in ("since", "until") if run.get(name)]
    into = [f"into {run['into']}"] if run.get("into") else []
    of = [run.get("service") or "all services"] if run["kind"] != "removal" else []
    return {
        **run,
        "title": TITLES.get(run["kind"], run["kind"]),
        "of": ", ".join([*of, *into, *span]),
        "words": words,
        "looks": looks,
        "began_at": datetime.fromisoformat(run["began_at"]),
        "ended_at": datetime.fromisoformat(run["ended_at"]) if run.get("ended_at") else None,
    }


async def _begin(request: Request) -> Response:
    session, _ = who_of(request)
    fields = await form_of(request, session)
    why = fields.get("why", "").strip()
    if not why:
        raise Refused(422, "Say why", "It is kept with what you begin. Nothing was begun.")
    asked = {name: fields[name].strip() for name in ("kind", "service", "into") if fields.get(name, "").strip()}
    span = {name: _instant(fields[name].strip()) for name in ("since", "until") if fields.get(name, "").strip()}
    answer = await parts_of(request).inside.post(
        session.token, "/runs", {**asked, **span, "reason": why}, fields[WISH], why
    )
    return told(request, f"{CONSOLE}/operators", "Begun", answer)


def _instant(field: str) -> str:
    """A browser's date and time as an instant of UTC, as the field says."""
    return f"{field}:00Z" if len(field) == MINUTE_CHARS else f"{field}Z"


async def _stop(request: Request) -> Response:
    session, _ = who_of(request)
    fields = await form_of(request, session)
    why = fields.get("why", "").strip()
    if not why:
        raise Refused(422, "Say why", "It is kept with what you stop. Nothing was stopped.")
    path = f"/runs/{quote(request.path_params['run'], safe='')}/stop"
    answer = await parts_of(request).inside.post(session.token, path, {"reason": why}, fields[WISH], why)
    return told(request, f"{CONSOLE}/operators", "Stopped", answer)


ROUTES = (
    Route("/operators/runs", _begin, methods=["POST"]),
    Route("/operators/runs/{run}/stop", _stop, methods=["POST"]),
)
