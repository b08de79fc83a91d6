"""The composition root of the order service: settings in, one running process out."""

from __future__ import annotations

from chassis.kafka import KafkaLog
from chassis.parked_list import ParkedProjection
from chassis.runtime import installation_of, run_service
from chassis.service import Service
from chassis.settings import Settings
from contracts import topics
from services.order.desk_projection import DeskProjection
from services.order.projections import AvailabilityLoader, AvailabilityProjection, OrdersProjection, WorkProjection
from services.order.refunds_projection import RefundsProjection
from services.order.stream import KINDS

__all__ = ["declare", "run"]


def declare(namespace: str = "") -> Service:
    """The service: its name, its kinds of streams and its read models, and that it acts outside through workers."""
    projections = (
        AvailabilityProjection(),
        WorkProjection(),
        OrdersProjection(),
        RefundsProjection(),
        DeskProjection(),
        ParkedProjection("order"),
    )
    return Service("order", KINDS, intents=True, namespace=namespace, projections=projections)


def run(settings: Settings) -> int:
    """Run one process until it is asked to stop; its exit code."""
    service, log = declare(settings.namespace), KafkaLog(settings.bootstrap)
    return run_service(
        service,
        installation_of(settings),
        make_loader=lambda store: AvailabilityLoader(
            settings.database, store.schema, log, topics.events("inventory", settings.namespace)
        ),
    )
