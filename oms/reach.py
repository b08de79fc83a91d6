"""The installation's log for a command: reached at once, or told in one sentence that it cannot be."""

from __future__ import annotations

from chassis.kafka import KafkaLog
from chassis.log import LogError
from chassis.settings import Settings
from deploy.local.broker import broker_answers

__all__ = ["reach_log"]


def reach_log(settings: Settings) -> KafkaLog:
    """Raises LogError when no broker answers now: a client asked in vain would say so on and on, and wait."""
    if not broker_answers(settings.bootstrap):
        raise LogError(f"no broker answers at {settings.bootstrap}; `oms status` shows what runs, `oms up` starts it")
    return KafkaLog(settings.bootstrap)
