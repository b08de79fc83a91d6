"""States of streams as stored bytes, and back.

A snapshot names the version of every fold it holds; one that names others is not read, and the events are folded
again. The bytes are canonical (maps sorted), so that two ways to one state give one snapshot.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, get_args, get_origin

import orjson
import rpds
from cattrs import Converter
from pydantic import BaseModel

from chassis.decider import StreamKind
from chassis.maps import HashTrieMap
from chassis.store import Recorded
from chassis.stream import DoorMemory, Stream, evolve, fresh
from contracts.chassis import MessageParked
from contracts.message import CATALOGUE, Event, format_instant, parse_instant

__all__ = ["CHASSIS_VERSION", "decode_stream", "encode_stream", "evolve_recorded", "restore", "state_version"]

CHASSIS_VERSION = 1
"""Version of what the chassis itself keeps of a stream."""


def _is_map(candidate: Any) -> bool:
    return candidate is rpds.HashTrieMap or get_origin(candidate) is HashTrieMap


def _is_model(candidate: Any) -> bool:
    return isinstance(candidate, type) and issubclass(candidate, BaseModel)


def _make_converter() -> Converter:
    converter = Converter()
    converter.register_unstructure_hook(datetime, format_instant)
    converter.register_structure_hook(datetime, lambda text, _: parse_instant(text))
    converter.register_unstructure_hook_func(_is_model, lambda value: value.model_dump(mode="json", exclude_none=True))
    converter.register_structure_hook_func(_is_model, lambda value, model: model.model_validate(value))

    def structure_map(value: Any, wanted: Any) -> Any:
        key, item = get_args(wanted)
        return HashTrieMap({converter.structure(k, key): converter.structure(v, item) for k, v in value})

    converter.register_unstructure_hook_func(
        _is_map,
        lambda value: [[converter.unstructure(k), converter.unstructure(v)] for k, v in sorted(value.items())],
    )
    converter.register_structure_hook_func(_is_map, structure_map)
    return converter


_CONVERTER = _make_converter()


def state_version(kind: StreamKind) -> str:
    """What a snapshot of this kind must name to be read: the chassis's version and each fold's."""
    return ",".join([f"stream:{CHASSIS_VERSION}", *(f"{fold.name}:{fold.version}" for fold in kind.folds)])


def encode_stream(stream: Stream) -> bytes:
    """The stream's state as canonical JSON."""
    document = {
        "time": None if stream.time is None else format_instant(stream.time),
        "states": [_CONVERTER.unstructure(state) for state in stream.states],
        "doors": _CONVERTER.unstructure(stream.doors, HashTrieMap[str, DoorMemory]),
        "door_times": [[format_instant(time), cause] for time, cause in stream.door_times],
        "parked": [parked.model_dump(mode="json", exclude_none=True) for parked in stream.parked],
    }
    return orjson.dumps(document)


def decode_stream(kind: StreamKind, name: str, version: int, state: bytes) -> Stream:
    """The stream that `encode_stream` wrote, after `version` events."""
    document = orjson.loads(state)
    states = tuple(
        _CONVERTER.structure(value, type(fold.initial))
        for fold, value in zip(kind.folds, document["states"], strict=True)
    )
    return Stream(
        name=name,
        version=version,
        time=None if document["time"] is None else parse_instant(document["time"]),
        states=states,
        doors=_CONVERTER.structure(document["doors"], HashTrieMap[str, DoorMemory]),
        door_times=tuple((parse_instant(time), cause) for time, cause in document["door_times"]),
        parked=tuple(MessageParked.model_validate(parked) for parked in document["parked"]),
    )


def restore(kind: StreamKind, name: str, snapshot: tuple[int, bytes] | None, events: Sequence[Recorded]) -> Stream:
    """The stream after `events`, which follow the snapshot, or the stream's beginning where there is none."""
    stream = fresh(kind, name) if snapshot is None else decode_stream(kind, name, *snapshot)
    for event in events:
        stream = evolve_recorded(kind, stream, event)
    return stream


def evolve_recorded(kind: StreamKind, stream: Stream, recorded: Recorded) -> Stream:
    """The stream after one more stored event; raises LookupError for a gap, or a type that this release cannot read."""
    if recorded.version != stream.version + 1:
        raise LookupError(f"{stream.name} has no event {stream.version + 1}: the next one stored is {recorded.version}")
    model = CATALOGUE.get(recorded.type)
    if model is None or not issubclass(model, Event):
        raise LookupError(f"{stream.name} holds a {recorded.type}, which this release cannot read: install a newer one")
    event = model.decode(recorded.value)
    return evolve(kind, stream, event, recorded.headers["ce_causationid"], parse_instant(recorded.headers["ce_time"]))
