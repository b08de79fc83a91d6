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
    _Copy = Callable[[Any, dict[str, Any]], Any]
    _COPIES: dict[type, _Copy | None] = {}

    def replace(state: Any, /, **changes: Any) -> Any:
        """`dataclasses.replace`, which for a slotted dataclass copies each slot, where the library calls `__init__`, which
        sets a frozen field the slow way: a third of the time, and a life of an order replaces some three hundred states.
        Raises TypeError for a field there is not. What is not made of slots alone, or looks at itself once made, is left to
        the library."""
        cls = state.__class__
        if cls not in _COPIES:
            _COPIES[cls] = _copy(cls)
        copy = _COPIES[cls]
        return dataclasses.replace(state, **changes) if copy is None else copy(state, changes)

    def _copy(cls: type) -> _Copy | None:
        """The function that copies the slots of this class one by one, written out as the library writes `__init__`: a loop
        over them takes half as long again. None where a plain copy of them would not do."""
        slots = {each.name: getattr(cls, each.name, None) for each in dataclasses.fields(cls)}
        if hasattr(cls, "__post_init__") or not all(isinstance(each, MemberDescriptorType) for each in slots.values()):
            return None
        rows = "".join(f"    put_{n}(new, changes.pop({n!r}) if {n!r} in changes else state.{n})\n" for n in slots)
        text = f"def copy(state, changes):\n    new = make(cls)\n{rows}    if changes: refuse(cls, changes)\n    return new\n"
        known = {"make": object.__new__, "cls": cls, "refuse": _refuse}
        known |= {f"put_{name}": slot.__set__ for name, slot in slots.items()}
        exec(text, known)  # noqa: S102 - only names of fields are put into it, which Python took for names already
        return known["copy"]

    def _refuse(cls: type, changes: dict[str, Any]) -> None:
        raise TypeError(f"{cls.__name__} has no field {', '.join(changes)}")
