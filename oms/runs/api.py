"""Long commands over HTTP: begun, looked at, stopped. For admins alone, as the commands are."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Body, Depends
from fastapi.responses import JSONResponse
from pydantic import BaseModel, StringConstraints

from chassis.card_numbers import mask_text
from chassis.description import may_answer, shown
from chassis.doors import Door
from chassis.problems import Problem, ProblemKind
from chassis.web import Caller, caller_of
from oms.runs.asked import Asked
from oms.runs.kept import Run, State
from oms.runs.running import AT_ONCE, Busy, Elsewhere, NeverStopped, OtherRun, Runs

__all__ = ["router"]


class Stop(BaseModel):
    """Why it is not to go on; no name of a person."""

    model_config = shown({"reason": "it was the wrong service"})

    reason: Annotated[str, StringConstraints(min_length=1, max_length=1_000)]


def router(runs: Runs, door: Door) -> APIRouter:
    """The routes."""
    routes = APIRouter(tags=["runs"])

    @routes.get("/runs")
    def list_runs() -> dict[str, Any]:
        """What was begun here, the newest first: by whom, when and why, how far it is, and what came of it."""
        return {"runs": [_document(run, runs) for run in runs.all()], "at_once": AT_ONCE}

    @routes.post("/runs", status_code=202)
    async def begin(caller: Annotated[Caller, Depends(caller_of)], body: Annotated[Asked, Body()]) -> JSONResponse:
        """Begin a rebuild (`oms rebuild`), a replay into a sandbox (`oms replay --into`), or the removal of a sandbox.
        It goes on by itself; one at a time."""
        caller.without_condition("What is begun has no version.")
        asked = body.model_copy(update={"reason": mask_text(body.reason)})
        identifier = door.message_id(("run", caller.key))
        try:
            run = runs.begin(identifier, asked, caller.actor)
        except Busy as error:
            raise Problem(
                ProblemKind.REFUSED, "Another one is at work", f"It is {error}. Wait for it, or stop it."
            ) from error
        except Elsewhere as error:
            raise _elsewhere() from error
        except OtherRun as error:
            raise Problem(
                ProblemKind.CONFLICT, "This was sent before with another body", "Send a new Idempotency-Key."
            ) from error
        return _taken(run)

    @routes.post("/runs/{identifier}/stop", status_code=202, openapi_extra=may_answer(ProblemKind.NOT_FOUND))
    async def stop(identifier: str, caller: Annotated[Caller, Depends(caller_of)], body: Stop) -> JSONResponse:
        """End one that is at work. Nothing live was touched by it. What a rebuild made is thrown away by the next; a sandbox
        stays, as far as it came, until it is deleted. The removal of one is not stopped."""
        caller.without_condition("What is begun has no version.")
        try:
            run = await runs.stop(identifier, f"stopped by {caller.actor.subject}: {mask_text(body.reason)}")
        except Elsewhere as error:
            raise _elsewhere() from error
        except NeverStopped as error:
            raise Problem(
                ProblemKind.REFUSED, "The removal of a sandbox is not stopped", "Wait for its end."
            ) from error
        if run is None:
            raise Problem(
                ProblemKind.NOT_FOUND, f"no run is called {identifier[:128]!a}", "GET /runs lists those that are kept."
            )
        return _taken(run)

    return routes


def _elsewhere() -> Problem:
    return Problem(
        ProblemKind.REFUSED,
        "Another process of the doors has the runs",
        "Of several processes of one home one alone begins and stops them. Ask it, or try again when it has ended.",
    )


def _taken(run: Run) -> JSONResponse:
    document = {"message_id": run.run, "location": "/runs", "outcome": run.state.value}
    return JSONResponse(document, 202, {"Location": "/runs"})


def _document(run: Run, runs: Runs) -> dict[str, Any]:
    document = run.model_dump(mode="json", exclude_none=True)
    asked = document.pop("asked")
    far = runs.far(run.run) if run.state is State.AT_WORK else None
    if far is not None:
        left = far.left_seconds
        document["progress"] = {
            "step": far.step,
            "done": far.done,
            "of": far.of,
            "rate": far.rate,
            "left_seconds": left,
        }
    return {**document, **asked}
