"""A command that expects a version is one that expects none, and a field: what was stored before reads the same."""

from __future__ import annotations

from hashlib import sha256

from contracts.chassis import CommandOutdated
from contracts.order import CancelOrder, RecordNoticeRefused


def test_a_command_that_expects_nothing_has_the_bytes_and_the_digest_that_it_always_had() -> None:
    assert CancelOrder().encode() == b'{"cause":"customer"}'
    assert CancelOrder().digest() == sha256(b'{"cause":"customer"}').hexdigest()
    told = RecordNoticeRefused(notice="1", for_now=True, said="421 later")
    assert told.digest() == sha256(b'{"for_now":true,"notice":"1"}').hexdigest()


def test_the_version_that_it_expects_is_part_of_a_command_and_of_its_digest() -> None:
    expecting = CancelOrder(expected_version=7)
    assert expecting.encode() == b'{"expected_version":7,"cause":"customer"}'
    assert CancelOrder.decode(expecting.encode()) == expecting
    assert expecting.digest() != CancelOrder().digest()


def test_a_refusal_says_what_was_expected_and_what_there_was() -> None:
    refused = CommandOutdated(message_type=CancelOrder.TYPE, expected_version=7, version=9)
    assert refused.encode() == (b'{"message_type":"orderlog.order.CancelOrder.v1","expected_version":7,"version":9}')
