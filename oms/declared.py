"""A service as its composition root declares it, by its name."""

from __future__ import annotations

from importlib import import_module

from chassis.service import Service

__all__ = ["declared"]


def declared(service: str, namespace: str) -> Service:
    """The service as its composition root declares it; raises ModuleNotFoundError for an unknown one."""
    declare = import_module(f"services.{service}.app").declare
    found = declare(namespace)
    assert isinstance(found, Service)
    return found
