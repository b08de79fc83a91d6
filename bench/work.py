"""The regression figure: what a fixed number of order lives costs in memory, against a fixed piece of other work.

Seconds of CPU depend on the machine and on who else uses its caches; the ratio to work that never changes does so much
less. Both are done in turn, and the least of each counts, since whatever disturbs only adds.
"""

from __future__ import annotations

import gc
import json
import time
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

from bench.in_memory import Services
from bench.orders import PLACED_AT, synthetic

__all__ = ["KEPT", "compared", "fixed_work"]

KEPT = Path(__file__).parent / "kept.json"
"""The figure that later ones are compared with."""

WORSE_MAX = 0.10
"""How much more it may cost before it is called a regression."""

ORDERS = 60
TIMES = 5
REFERENCE_LOOPS = 2_500


def fixed_work(orders: int = ORDERS, times: int = TIMES) -> dict[str, Any]:
    """CPU milliseconds of an order's life without broker and database, and its cost in units of the reference."""
    works, references = [], []
    for _ in range(times):
        references.append(_cpu_seconds(_reference))
        services = Services(PLACED_AT)
        shop = synthetic(orders, "work")
        services.bring(shop)
        brought = services.handled
        works.append(_cpu_seconds(lambda: services.order(shop)))  # noqa: B023 - called at once
    return {
        "orders": orders,
        "cpu_ms_per_order": round(1_000 * min(works) / orders, 3),
        "reference_ms": round(1_000 * min(references), 3),
        "cost": round(min(works) / orders / min(references), 4),
        "messages_per_order": round((services.handled - brought) / orders, 1),
    }


def _cpu_seconds(work: Callable[[], None]) -> float:
    gc.collect()
    began = time.process_time()
    work()
    return time.process_time() - began


def _reference() -> None:
    """JSON, hashing and dictionaries, which is what most of the time of a life goes to."""
    document = {"lines": [{"line": str(n), "sku": f"S{n}", "quantity": n, "amount": 199 * n} for n in range(20)]}
    for number in range(REFERENCE_LOOPS):
        document["number"] = number  # type: ignore[assignment]
        text = json.dumps(document, sort_keys=True)
        sha256(text.encode()).hexdigest()
        json.loads(text)


def compared(found: dict[str, Any], kept: Path = KEPT) -> str:
    """How the cost stands to the one that is kept, in a sentence. Where none is kept, this one is from now on."""
    if not kept.is_file():
        kept.write_text(json.dumps(found, indent=1) + "\n")
        return f"The cost of {found['cost']} is kept from now on."
    before = float(json.loads(kept.read_text())["cost"])
    change = found["cost"] / before - 1
    if change > WORSE_MAX:
        return f"REGRESSION: a life costs {found['cost']}, {change:.0%} more than the {before} in {kept.name}."
    return f"A life costs {found['cost']}; {kept.name} has {before} ({change:+.0%})."
