"""Making one state from another, as every fold does with every event."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from types import MemberDescriptorType
from typing import TYPE_CHECKING, Any

__all__ = ["replace"]

if TYPE_CHECKING:
    from dataclasses import replace
else:
    _Slot = tuple[str, Callable[[Any], Any], Callable[[Any, Any], None]]
    _SLOTS: dict[type, tuple[_Slot, ...]] = {}

    def replace(state: Any, /, **changes: Any) -> Any:
        """`dataclasses.replace`, which for a slotted dataclass copies each slot, where the library calls `__init__`, which
        sets a frozen field the slow way: half the time, and a life of an order replaces some three hundred states. Raises
        TypeError for a field there is not. What is not made of slots alone, or looks at itself once made, is left to the
        library."""
        cls = state.__class__
        slots = _SLOTS.get(cls)
        if slots is None:
            slots = _SLOTS[cls] = _slots(cls)
        if not slots:
            return dataclasses.replace(state, **changes)
        new = object.__new__(cls)
        for name, take, put in slots:
            put(new, changes.pop(name) if name in changes else take(state))
        if changes:
            raise TypeError(f"{cls.__name__} has no field {', '.join(changes)}")
        return new

    def _slots(cls: type) -> tuple[_Slot, ...]:
        """Name, getter and setter of each field; none where a plain copy of them would not do."""
        slots = {each.name: getattr(cls, each.name, None) for each in dataclasses.fields(cls)}
        if hasattr(cls, "__post_init__") or not all(isinstance(each, MemberDescriptorType) for each in slots.values()):
            return ()
        return tuple((name, slot.__get__, slot.__set__) for name, slot in slots.items())
