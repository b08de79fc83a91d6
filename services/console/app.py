"""What the console reads: its read models over the topics of all services. It has no streams and no inbox of its own."""

from __future__ import annotations

from chassis.service import Service
from services.console.flow import FlowProjection
from services.console.people import PeopleProjection
from services.console.search import SearchProjection

__all__ = ["declare"]


def declare(namespace: str = "", people: PeopleProjection | None = None) -> Service:
    """The console as something that has tables: its name, its schema, its read models; with `people` for who has the
    vault, which that one needs."""
    projections = (SearchProjection(), FlowProjection(), *(() if people is None else (people,)))
    return Service("console", (), namespace=namespace, projections=projections)
