"""What OpenAPI says of the doors: every problem and every body with an example that is one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from chassis.horizon import Horizon
from chassis.problems import MEDIA_TYPE, Problem, ProblemKind
from chassis.sealing import open_sealed
from chassis.settings import Settings
from chassis.vault import MemoryVault
from chassis.waiters import Waiters
from contracts.channel import ChannelOrder
from oms.doors import make_app
from services.order.checks import findings
from services.order.intake import place_order
from tests.doors.fakes import KEY, KeptWriter, seal

DOCUMENT: dict[str, Any] = make_app(
    Settings(), KeptWriter(), Waiters(1), Horizon(), seal, lambda sealed: open_sealed(KEY, sealed), MemoryVault().forget
).openapi()
OPERATIONS = {
    f"{method.upper()} {path}": operation
    for path, operations in DOCUMENT["paths"].items()
    for method, operation in operations.items()
}


def answers(operation: dict[str, Any], status: str) -> set[str]:
    """The examples that an operation shows of a status."""
    contents = operation["responses"].get(status, {}).get("content", {}).values()
    return {name for content in contents for name in content.get("examples", {})}


def test_it_is_openapi_3_1_and_knows_nothing_of_the_framework() -> None:
    assert DOCUMENT["openapi"].startswith("3.1")
    assert "HTTPValidationError" not in str(DOCUMENT)


@pytest.mark.parametrize("kind", ProblemKind)
def test_every_kind_of_problem_has_an_example(kind: ProblemKind) -> None:
    example = DOCUMENT["components"]["examples"][kind.value]
    assert example["value"]["type"] == kind.type == f"urn:orderlog:problem:{kind.value}"
    assert example["value"]["status"] == kind.status
    assert all(example["value"][name] for name in ("title", "detail"))
    assert example["summary"] == kind.meaning


def test_every_kind_is_named_by_a_route_that_answers_with_it() -> None:
    named = {
        name
        for operation in OPERATIONS.values()
        for status in operation["responses"]
        for name in answers(operation, status)
    }
    # Only an address can say that it does not take a method; no operation is at fault.
    assert {kind.value for kind in ProblemKind} - named == {ProblemKind.NO_SUCH_METHOD.value}


@pytest.mark.parametrize("name", OPERATIONS)
def test_every_route_says_what_may_go_wrong(name: str) -> None:
    operation = OPERATIONS[name]
    for status, kind in (("401", "unknown-caller"), ("403", "not-allowed"), ("503", "not-now"), ("500", "broken")):
        assert kind in answers(operation, status)
        assert list(operation["responses"][status]["content"]) == [MEDIA_TYPE]
    if name.startswith("POST"):
        assert {"conflict", "refused"} <= answers(operation, "409")
        assert answers(operation, "412") == {"outdated"}
        assert answers(operation, "202") == {"pending"}
        assert "422" in operation["responses"]


def bodies() -> Iterator[tuple[str, dict[str, Any]]]:
    for name, operation in OPERATIONS.items():
        if "requestBody" in operation:
            yield name, operation["requestBody"]["content"]["application/json"]


@pytest.mark.parametrize(
    ("name", "content"), tuple(bodies()), ids=lambda value: value if isinstance(value, str) else ""
)
def test_every_body_has_an_example_that_its_schema_takes(name: str, content: dict[str, Any]) -> None:
    schema = content["schema"]
    shown = [content["example"]] if "example" in content else examples_of(schema)
    assert shown, name
    for example in shown:
        Draft202012Validator({**schema, "components": DOCUMENT["components"]}).validate(example)


def examples_of(schema: dict[str, Any]) -> list[Any]:
    named = [one["$ref"] for one in (schema, *schema.get("anyOf", ()), *schema.get("oneOf", ())) if "$ref" in one]
    models = [DOCUMENT["components"]["schemas"][name.rpartition("/")[2]] for name in named]
    return [example for model in models for example in model["examples"]]


def test_the_example_of_an_order_is_one_that_goes_on() -> None:
    example = OPERATIONS["POST /orders"]["requestBody"]["content"]["application/json"]["example"]
    command = place_order(ChannelOrder.model_validate(example), "default", seal)
    assert findings(command) == ()


def test_a_problem_is_known_by_its_type_whatever_is_written_in_it() -> None:
    answer = Problem(ProblemKind.NOT_NOW, "Later", "The kettle is cold.", kettle=1).response()
    assert (answer.status_code, answer.media_type, answer.headers["retry-after"]) == (503, MEDIA_TYPE, "1")
    assert b'"kettle":1' in bytes(answer.body)
