"""What OpenAPI says of every route beyond its own words: who may use it, what it answers a command, and each problem
that may be the answer, with an example."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from fastapi import FastAPI
from pydantic import ConfigDict

from chassis.problems import MEDIA_TYPE, ProblemKind
from chassis.tokens import Role

__all__ = ["SCHEME", "describe", "may_answer", "shown"]

SCHEME = "bearer"
"""How a token is sent."""

OWN_PROBLEMS = "x-problems"

_EVERYWHERE = (ProblemKind.UNKNOWN_CALLER, ProblemKind.NOT_ALLOWED, ProblemKind.NOT_NOW, ProblemKind.BROKEN)
_OF_COMMANDS = (
    ProblemKind.BAD_REQUEST,
    ProblemKind.REFUSED,
    ProblemKind.CONFLICT,
    ProblemKind.OUTDATED,
    ProblemKind.TOO_LARGE,
    ProblemKind.UNREADABLE,
)

_TAKEN = {
    "message_id": "3e732df6-1c75-5b40-b28b-bc565ef8f1ad",
    "location": "/stock-items/SKU-1",
}
_ANSWERS: Mapping[str, dict[str, Any]] = {
    "pending": {
        "summary": "It is in the inbox, and what comes of it is not known yet.",
        "value": {**_TAKEN, "outcome": "pending"},
    },
    "done": {
        "summary": "The events that came of it.",
        "value": {**_TAKEN, "events": [{"type": "StockReceived", "sku": "SKU-1", "location": "berlin", "quantity": 3}]},
    },
}
_ANSWER_SCHEMA = {
    "type": "object",
    "required": ["message_id", "location"],
    "properties": {
        "message_id": {"type": "string", "description": "The request's own id: the cause of all that came of it."},
        "location": {"type": "string", "description": "Where to look."},
        "masked": {
            "type": "array",
            "items": {"type": "string"},
            "description": "Fields in which a card number was masked before anything was stored.",
        },
        "events": {"type": "array", "items": {"type": "object"}, "description": "What came of it, in order."},
        "outcome": {"type": "string", "description": "`pending`; of an order that was waited for how it stands."},
    },
}
_PROBLEM_SCHEMA = {
    "type": "object",
    "description": "RFC 9457. Programs tell problems apart by `type`; title and detail are for people.",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string", "enum": [kind.type for kind in ProblemKind]},
        "title": {"type": "string", "description": "What."},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "Where, and how to mend it."},
    },
}


def may_answer(*kinds: ProblemKind) -> dict[str, Any]:
    """For a route's `openapi_extra`: the problems that are its own."""
    return {OWN_PROBLEMS: [kind.value for kind in kinds]}


def shown(example: Mapping[str, Any]) -> ConfigDict:
    """For a body's `model_config`: an example of it."""
    return ConfigDict(json_schema_extra={"examples": [dict(example)]})


def describe(app: FastAPI, rules: Mapping[tuple[str, str], frozenset[Role]]) -> None:
    """Have OpenAPI say all that, from the same rules that the guard goes by."""
    plain = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            document = plain()
            components = document.setdefault("components", {})
            _add_components(components)
            for path, operations in document.get("paths", {}).items():
                for method, operation in operations.items():
                    operation["security"] = [{SCHEME: []}]
                    operation["x-roles"] = sorted(rules.get((method.upper(), path), ()))
                    _add_answers(operation)
                    operation["responses"] |= _problems(_kinds(path, operation))
        return plain()

    app.openapi = openapi  # type: ignore[method-assign]


def _add_components(components: dict[str, Any]) -> None:
    schemas = components.setdefault("schemas", {})
    for of_framework in ("HTTPValidationError", "ValidationError"):
        schemas.pop(of_framework, None)
    schemas |= {"Problem": _PROBLEM_SCHEMA, "CommandAnswer": _ANSWER_SCHEMA}
    components.setdefault("securitySchemes", {})[SCHEME] = {
        "type": "http",
        "scheme": SCHEME,
        "description": "A token that `oms token add` made.",
    }
    problems = {kind.value: {"summary": kind.meaning, "value": kind.example} for kind in ProblemKind}
    components["examples"] = {**problems, **_ANSWERS}


def _is_command(operation: Mapping[str, Any]) -> bool:
    return any(parameter["name"] == "idempotency-key" for parameter in operation.get("parameters", ()))


def _add_answers(operation: dict[str, Any]) -> None:
    """What a command is answered; a route that answers otherwise says so itself."""
    if not _is_command(operation):
        return
    schema = {"$ref": "#/components/schemas/CommandAnswer"}
    done = "201" if "201" in operation["responses"] else "200"
    for status, example in ((done, "done"), ("202", "pending")):
        described = _ANSWERS[example]["summary"]
        content = {"schema": schema, "examples": {example: {"$ref": f"#/components/examples/{example}"}}}
        if "examples" not in operation["responses"].get(status, {}).get("content", {}).get("application/json", {}):
            operation["responses"][status] = {"description": described, "content": {"application/json": content}}


def _kinds(path: str, operation: dict[str, Any]) -> Iterator[ProblemKind]:
    """The problems that an operation may answer with."""
    yield from _EVERYWHERE
    yield from (ProblemKind(name) for name in operation.pop(OWN_PROBLEMS, ()))
    parameters = operation.get("parameters", ())
    if _is_command(operation):
        yield from _OF_COMMANDS
    elif parameters:
        yield ProblemKind.UNREADABLE
    if any(parameter["name"] == "after" and "string" in str(parameter["schema"]) for parameter in parameters):
        yield ProblemKind.BAD_REQUEST
    if any(parameter["in"] == "path" for parameter in parameters):
        yield ProblemKind.NOT_FOUND


def _problems(kinds: Iterable[ProblemKind]) -> dict[str, Any]:
    """Responses by status, each with an example of every kind."""
    by_status: dict[str, list[ProblemKind]] = {}
    for kind in dict.fromkeys(kinds):
        by_status.setdefault(str(kind.status), []).append(kind)
    return {
        status: {
            "description": " ".join(f"`{kind.value}`: {kind.meaning}" for kind in same),
            "content": {
                MEDIA_TYPE: {
                    "schema": {"$ref": "#/components/schemas/Problem"},
                    "examples": {kind.value: {"$ref": f"#/components/examples/{kind.value}"} for kind in same},
                }
            },
        }
        for status, same in sorted(by_status.items())
    }
