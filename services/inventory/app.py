"""The composition root of the inventory service: settings in, one running process out."""

from __future__ import annotations

from chassis.parked_list import ParkedProjection
from chassis.runtime import installation_of, run_service
from chassis.service import Service
from chassis.settings import Settings
from services.inventory.projections import CatalogueProjection, StockProjection
from services.inventory.stock_item import KINDS

__all__ = ["declare", "run"]


def declare(namespace: str = "") -> Service:
    """The service: its name, its kinds of streams and its read models."""
    projections = (CatalogueProjection(), StockProjection(), ParkedProjection("inventory"))
    return Service("inventory", KINDS, namespace=namespace, projections=projections)


def run(settings: Settings) -> int:
    """Run one process until it is asked to stop; its exit code."""
    return run_service(declare(settings.namespace), installation_of(settings))
