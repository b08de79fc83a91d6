"""The door of carriers: which words they may report in, and what becomes of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import pytest

from chassis.doors import Door
from chassis.reading import Reads
from chassis.waiters import Waiters
from chassis.web import Gate
from contracts.shipping import RecordTracking, TrackingStatus
from services.shipping import api
from services.shipping.app import declare
from tests.doors.fakes import KeptWriter, ToldReads, guarded_client

TRACKING = "/shipments/bdebd2b8-5485-59e2-b9dd-65081be601f6/tracking"


class Site:
    """The routes of shipping, and the inbox behind them."""

    def __init__(self) -> None:
        self.writer = KeptWriter()
        gate = Gate(declare(), Door("http", self.writer, 4), cast(Reads, ToldReads()), Waiters(1))
        self.client, _ = guarded_client(api.router(gate))

    def reports(self, carrier: str, status: str) -> Any:
        body = {
            "carrier": carrier,
            "event_id": "e1",
            "package": "package-1",
            "status": status,
            "occurred_at": "2026-01-05T12:00:00Z",
        }
        return self.client.post(TRACKING, json=body, headers={"Idempotency-Key": "e1"})

    @property
    def recorded(self) -> list[TrackingStatus]:
        return [RecordTracking.decode(record.value).status for record in self.writer.records]


@pytest.mark.parametrize("carrier", ["own-fleet", "last-mile"])
@pytest.mark.parametrize("status", list(TrackingStatus))
def test_our_fleet_and_who_is_no_carrier_of_ours_report_in_our_words(carrier: str, status: TrackingStatus) -> None:
    site = Site()
    assert site.reports(carrier, status.value).status_code == 202
    assert site.recorded == [status]


def test_a_carrier_of_ours_reports_in_words_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    words: Mapping[str, TrackingStatus] = {"abgegeben": TrackingStatus.DELIVERED}
    monkeypatch.setattr(api, "words_of", {"bicycles": words}.__getitem__)
    site = Site()
    assert site.reports("bicycles", "abgegeben").status_code == 202
    assert site.recorded == [TrackingStatus.DELIVERED]


@pytest.mark.parametrize("carrier", ["own-fleet", "last-mile"])
def test_a_word_that_a_carrier_has_not_is_a_problem_that_names_those_it_has(carrier: str) -> None:
    site = Site()
    answer = site.reports(carrier, "deliverd")
    assert answer.status_code == 422
    assert answer.json()["title"] == f"{carrier} has no status deliverd"
    assert "delivered, delivery_delayed" in answer.json()["detail"]
    assert site.recorded == []
