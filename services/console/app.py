"""What the console reads: its read models over the topics of all services. It has no streams and no inbox of its own."""

from __future__ import annotations

from chassis.service import Service
from services.console.flow import FlowProjection
from services.console.search import SearchProjection

__all__ = ["declare"]


def declare(namespace: str = "") -> Service:
    """The console as something that has tables: its name, its schema, its read models."""
    return Service("console", (), namespace=namespace, projections=(SearchProjection(), FlowProjection()))
