"""Forgetting a person: that the key of their personal data was destroyed. The stream is the person's, `customer/<subject>`;
who asked for it is the event's actor."""

from __future__ import annotations

from enum import StrEnum

from contracts.message import Command, Event, Instant

__all__ = ["CUSTOMER", "CustomerForgotten", "ForgetCustomer", "ForgetReason"]

CUSTOMER = "customer"
"""The kind of the streams: one a person whose personal data orders hold, named by their subject."""


class ForgetReason(StrEnum):
    """Why somebody is forgotten: they asked for it, or what is theirs was kept as long as it may be. No free text: it
    would be kept for ever."""

    ASKED = "asked"
    KEPT_LONG_ENOUGH = "kept_long_enough"


class ForgetCustomer(Command):
    """The keys of a subject that were made until a moment are destroyed: record it."""

    subject: str
    keys_until: Instant
    reason: ForgetReason


class CustomerForgotten(Event):
    """What was sealed under keys of the subject that were made until `keys_until` can be read by nobody any more. A backup
    of the vault that brings one back is told so again by this event. Nothing in it is personal but the subject, which
    stands for nobody who could be found without a key."""

    subject: str
    keys_until: Instant
    reason: ForgetReason
