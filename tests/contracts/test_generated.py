"""What outsiders read is current, valid and says what it means; and nothing released may break."""

from __future__ import annotations

import copy
import inspect
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from faststream.specification.asyncapi.v3_0_0.schema import ApplicationSchema
from jsonschema import Draft202012Validator

from contracts import generate
from contracts.asyncapi import document
from contracts.compatibility import refusals
from contracts.message import Value
from contracts.money import Money
from contracts.topics import all_topics

MODELS = generate.catalogue()
SCHEMAS = {name: generate.schema_of(model) for name, model in MODELS.items()}


def _parts(schema: Any) -> Iterator[dict[str, Any]]:
    if isinstance(schema, dict):
        yield schema
        schema = list(schema.values())
    if isinstance(schema, list):
        for part in schema:
            yield from _parts(part)


def test_the_checked_in_files_are_current() -> None:
    assert generate.stale() == []


@pytest.mark.parametrize("name", SCHEMAS)
def test_a_schema_is_valid_and_knows_no_float_and_no_null(name: str) -> None:
    Draft202012Validator.check_schema(SCHEMAS[name])
    kinds = [part.get("type") for part in _parts(SCHEMAS[name]) if isinstance(part.get("type"), str)]
    assert not {"number", "null"} & set(kinds)


def _values(value: type[Value]) -> Iterator[type[Value]]:
    for subclass in value.__subclasses__():
        yield subclass
        yield from _values(subclass)


def test_every_message_and_value_says_what_it_means() -> None:
    ours = [model for model in _values(Value) if model.__module__.startswith("contracts.")]
    assert [model.__name__ for model in ours if model.__doc__ is None or not inspect.cleandoc(model.__doc__)] == []


def test_a_stored_message_fits_its_schema() -> None:
    schema = SCHEMAS["orderlog.payments.PaymentCaptured.v1"]
    money = {**schema["$defs"]["Money"], "$schema": generate.DIALECT}
    validator = Draft202012Validator(money)
    assert validator.is_valid(json.loads(Money(amount=1050, currency="EUR").model_dump_json()))
    assert not validator.is_valid({"amount": 10.5, "currency": "EUR"})


def test_the_asyncapi_document_is_one_of_version_3() -> None:
    made = document(MODELS)
    ApplicationSchema.model_validate({**made, "channels": {}})
    assert made["asyncapi"] == "3.0.0"
    assert set(made["channels"]) == {topic.name for topic in all_topics(partitions=1)}


def test_every_reference_of_the_asyncapi_document_leads_somewhere() -> None:
    made = document(MODELS)
    files = {f"./schemas/{path.name}" for path in generate.generated() if path.parent == generate.SCHEMAS}
    references = [part["$ref"] for part in _parts(made) if "$ref" in part]
    assert references
    for reference in references:
        if reference.startswith("#/"):
            target: Any = made
            for step in reference[2:].split("/"):
                target = target[step]
        else:
            assert reference in files


def test_every_message_travels_in_some_topic() -> None:
    travelling = {name for channel in document(MODELS)["channels"].values() for name in channel["messages"]}
    assert set(MODELS) - travelling == set()


def test_answers_come_to_the_inbox_of_who_asks() -> None:
    channels = document(MODELS)["channels"]
    assert "orderlog.inventory.StockReserved.v1" in channels["order.inbox"]["messages"]
    assert "orderlog.inventory.StockReserved.v1" not in channels["payments.inbox"]["messages"]
    assert "orderlog.order.NoticeRequested.v1" in channels["order.intents"]["messages"]


def test_nothing_that_was_released_is_broken() -> None:
    assert generate.incompatibilities() == []


# The gate itself, on one small message.

BEFORE: dict[str, Any] = {
    "properties": {"line": {"type": "string"}, "kind": {"$ref": "#/$defs/Kind"}, "part": {"$ref": "#/$defs/Part"}},
    "required": ["line"],
    "$defs": {
        "Kind": {"enum": ["a", "b"], "type": "string"},
        "Part": {"properties": {"size": {"type": "integer"}, "note": {"type": "string"}}, "required": ["size"]},
    },
}
NAME = "orderlog.order.Small.v1"


def _refused(change: Callable[[dict[str, Any]], object], readable_only: frozenset[str] = frozenset()) -> list[str]:
    after = copy.deepcopy(BEFORE)
    change(after)
    return refusals({"1.0.0": {NAME: BEFORE}}, {NAME: after}, readable_only)


def _part(schema: dict[str, Any]) -> dict[str, Any]:
    part: dict[str, Any] = schema["$defs"]["Part"]
    return part


BREAKS: dict[str, Callable[[dict[str, Any]], object]] = {
    "the field line is gone": lambda after: after["properties"].pop("line"),
    "the field Part.note is gone": lambda after: _part(after)["properties"].pop("note"),
    "the field line changed from": lambda after: after["properties"]["line"].update(type="integer"),
    "the field Part.size changed from": lambda after: _part(after)["properties"]["size"].update(minimum=1),
    "the field line is no longer required": lambda after: after["required"].clear(),
    "the field Part.note became required": lambda after: _part(after)["required"].append("note"),
    "the new field weight is required": lambda after: (
        after["properties"].update(weight={"type": "integer"}),
        after["required"].append("weight"),
    ),
    "the value Kind.b is gone": lambda after: after["$defs"]["Kind"]["enum"].remove("b"),
    "the new value Kind.c must be readable": lambda after: after["$defs"]["Kind"]["enum"].append("c"),
    "Part is gone": lambda after: after["$defs"].pop("Part"),
}


@pytest.mark.parametrize("what", BREAKS)
def test_the_gate_refuses(what: str) -> None:
    refused = _refused(BREAKS[what])
    assert any(sentence.startswith(f"{NAME}: {what}") for sentence in refused), refused


def test_the_gate_refuses_a_message_that_is_gone_and_one_that_is_new() -> None:
    released = {"1.0.0": {NAME: BEFORE}}
    assert refusals(released, {}) == [f"{NAME}: the message is gone; it was released with 1.0.0"]
    new = {NAME: BEFORE, "orderlog.order.New.v1": BEFORE}
    assert len(refusals(released, new)) == 1
    assert refusals(released, new, frozenset({"orderlog.order.New.v1"})) == []


def test_the_gate_lets_pass_what_is_only_added_or_only_words() -> None:
    assert _refused(lambda after: after["properties"].update(weight={"type": "integer"})) == []
    assert _refused(lambda after: after["properties"]["line"].update(description="which line")) == []
    assert _refused(lambda after: after["$defs"]["Kind"]["enum"].append("c"), frozenset({"Kind.c"})) == []


def test_before_the_first_release_everything_may_change() -> None:
    assert refusals({}, {NAME: BEFORE}) == []


def test_a_release_is_recorded_once_and_binds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(generate, "RELEASED", tmp_path / "released")
    assert generate.main(["--release", "one"]) == 2
    assert generate.main(["--release", "1.0.0"]) == 0
    assert generate.main(["--release", "1.0.0"]) == 1
    monkeypatch.setattr(generate, "catalogue", lambda: dict(list(MODELS.items())[1:]))
    assert "is gone" in generate.incompatibilities()[0]


def test_a_stale_file_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(generate, "FOLDER", tmp_path / "contracts")
    monkeypatch.setattr(generate, "SCHEMAS", tmp_path / "contracts" / "schemas")
    generate.SCHEMAS.mkdir(parents=True)
    assert generate.main([]) == 0
    assert generate.main(["--check"]) == 0
    (generate.SCHEMAS / f"{next(iter(MODELS))}.json").write_text("{}")
    (generate.SCHEMAS / "orderlog.order.Old.v1.json").write_text("{}")
    assert generate.main(["--check"]) == 1
    named = capsys.readouterr().err
    assert f"contracts/schemas/{next(iter(MODELS))}.json" in named
    assert "contracts/schemas/orderlog.order.Old.v1.json" in named


def test_the_catalogue_holds_messages_of_contracts_alone() -> None:
    assert all(model.__module__.startswith("contracts.") for model in MODELS.values())
