"""Stripe, by its own library: payment intents captured by hand, and the older charges for methods stored as sources.

Of a method `pm_…` (with its customer: `cus_…:pm_…`) a payment intent is made, of `tok_…`, `src_…` or `card_…` a charge.
Our order, authorisation and key stand in the metadata of what is made. A capture is no thing of its own there, so an
intent remembers in its metadata which of our captures were taken of it; and before anything is taken it is looked
whether it was taken already, because the key of a call is forgotten after a day.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Self

import httpx
import stripe

from contracts.money import Money
from contracts.payments import Capability
from services.payments.provider import Call, CallStep, Outcome, Result, Settlement
from services.payments.providers.stripe_words import (
    AmountRefused,
    amount_there,
    decline,
    money_here,
    outcome_of_error,
)

__all__ = ["CAPTURE", "NAME", "StripeProvider", "intent_outcome", "intent_taken", "refund_outcome"]

NAME = "stripe"
KEYS_KEPT = timedelta(hours=24)
CONNECT_SECONDS = 3.0
ANSWER_SECONDS = 25.0
PAGE = 100
FOUND_MAX = 1_000
"""How many of the newest things are looked through for what a call left there; the search, which lags, finds older
ones."""

SOURCES = ("tok_", "src_", "card_")
REFUND_RESULTS = {"succeeded": Result.DONE, "failed": Result.DECLINED, "canceled": Result.DECLINED}
Document = Mapping[str, Any]
"""A thing there, as JSON has it."""

EXPANDED = ["latest_charge"]
CLOSED = {"canceled": "voided", "succeeded": "closed"}
"""Why nothing can be captured of an intent in this state, in the words that we have for it."""

CAPTURE = "capture"
"""Where what can be captured once says by which call of ours, marked just before it is."""


class StripeProvider:
    """One account there, by its secret key; closed with `close`."""

    name = NAME
    keys_kept = KEYS_KEPT

    def __init__(self, key: str, url: str = "https://api.stripe.com", answer_seconds: float = ANSWER_SECONDS) -> None:
        timeout = httpx.Timeout(answer_seconds, connect=CONNECT_SECONDS)
        self._client = stripe.HTTPXClient(timeout=timeout)
        self._api = stripe.StripeClient(
            key, base_addresses={"api": url}, max_network_retries=0, http_client=self._client
        ).v1

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Leave the network."""
        await self._client.close_async()  # type: ignore[no-untyped-call]

    async def call(self, call: Call) -> Outcome:
        """Ask for it."""
        steps: Mapping[CallStep, Callable[[Call], Awaitable[Outcome]]] = {
            CallStep.AUTHORIZE: self._authorize,
            CallStep.CAPTURE: self._capture,
            CallStep.VOID: self._void,
            CallStep.REFUND: self._refund,
        }
        return await _heard(steps[call.step], call)

    async def find(self, call: Call) -> Outcome:
        """What became of it."""
        return await _heard(self._found, call, Result.UNKNOWN)

    # Asking

    async def _authorize(self, call: Call) -> Outcome:
        if call.reference is not None:
            return await self._raise(call, call.reference)
        token = call.token or ""
        if token.startswith(SOURCES):
            charge = await self._api.charges.create_async(
                {
                    "amount": amount_there(call.amount),
                    "currency": call.amount.currency.lower(),
                    "source": token,
                    "capture": False,
                    "metadata": _metadata(call),
                },
                {"idempotency_key": call.key},
            )
            return _charge_held(charge.to_dict())
        customer, _, method = token.rpartition(":")
        params: dict[str, Any] = {
            "amount": amount_there(call.amount),
            "currency": call.amount.currency.lower(),
            "payment_method": method,
            "capture_method": "manual",
            "confirm": True,
            "metadata": _metadata(call),
            "payment_method_options": {"card": {"request_multicapture": "if_available"}},
            "expand": EXPANDED,
        }
        if customer:
            params["customer"] = customer
        made = await self._api.payment_intents.create_async(_params(params), {"idempotency_key": call.key})
        return intent_outcome(made.to_dict())

    async def _raise(self, call: Call, reference: str) -> Outcome:
        held = await self._intent(reference)
        raised = await self._api.payment_intents.increment_authorization_async(
            reference,
            {
                "amount": held["amount"] + amount_there(call.amount),
                "metadata": {_mark(call): str(amount_there(call.amount))},
                "expand": EXPANDED,
            },
            {"idempotency_key": call.key},
        )
        return intent_outcome(raised.to_dict())

    async def _capture(self, call: Call) -> Outcome:
        reference = call.reference or ""
        if reference.startswith("ch_"):
            return await self._capture_charge(call, reference)
        held = await self._intent(reference)
        if (taken := _taken(held, call)) is not None:
            return taken
        if held["status"] != "requires_capture":
            return decline(CLOSED.get(held["status"], held["status"]), None, reference)
        params: dict[str, Any] = {"amount_to_capture": amount_there(call.amount)}
        if _several(held):
            params |= {"final_capture": call.final, "metadata": {_mark(call): str(amount_there(call.amount))}}
        else:
            await self._api.payment_intents.update_async(reference, {"metadata": {CAPTURE: call.key}})
        made = await self._api.payment_intents.capture_async(
            reference,
            _params({**params, "expand": ["latest_charge.balance_transaction"]}),
            {"idempotency_key": call.key},
        )
        return _captured(made.to_dict(), call, final=call.final or not _several(held))

    async def _capture_charge(self, call: Call, reference: str) -> Outcome:
        held = await self._charge(reference)
        if _charge_was_taken(held, call):
            return _charge_taken(held, call)
        if held["captured"] or held["refunded"]:
            return decline("closed" if held["captured"] else "voided", None, reference)
        marked = {**_words(held), CAPTURE: call.key}
        await self._api.charges.update_async(reference, {"metadata": marked})
        amount = amount_there(call.amount)
        made = await self._api.charges.capture_async(reference, {"amount": amount}, {"idempotency_key": call.key})
        return _charge_taken(made.to_dict(), call)

    async def _void(self, call: Call) -> Outcome:
        reference = call.reference or ""
        if reference.startswith("ch_"):
            held = await self._charge(reference)
            if not held["refunded"]:
                await self._api.refunds.create_async(
                    {"charge": reference, "metadata": _metadata(call)}, {"idempotency_key": call.key}
                )
            return _given_back(call)
        intent = await self._intent(reference)
        if intent["status"] != "canceled":
            await self._api.payment_intents.cancel_async(reference, None, {"idempotency_key": call.key})
        return _given_back(call)

    async def _refund(self, call: Call) -> Outcome:
        kind = "payment_intent" if (call.reference or "").startswith("pi_") else "charge"
        params: dict[str, Any] = {
            kind: call.reference,
            "amount": amount_there(call.amount),
            "metadata": _metadata(call),
        }
        made = await self._api.refunds.create_async(_params(params), {"idempotency_key": call.key})
        return refund_outcome(made.to_dict())

    # Asking after

    async def _found(self, call: Call) -> Outcome:
        reference = call.reference or ""
        if call.step is CallStep.REFUND:
            return await self._found_refund(call)
        if call.step is CallStep.AUTHORIZE and not reference:
            return await self._found_authorization(call)
        if reference.startswith("ch_"):
            return await self._found_of_charge(call, reference)
        held = await self._intent(reference)
        match call.step:
            case CallStep.AUTHORIZE:
                return intent_outcome(held) if _mark(call) in _words(held) else _never()
            case CallStep.VOID:
                return _given_back(call) if held["status"] == "canceled" else _never()
        return _taken(held, call) or _never()

    async def _found_authorization(self, call: Call) -> Outcome:
        if (call.token or "").startswith(SOURCES):
            charges = await self._api.charges.list_async({"limit": PAGE})
            async for charge in _newest(charges):
                if _words(charge).get("key") == call.key:
                    return _charge_held(charge)
            return _never()
        intents = await self._api.payment_intents.list_async({"limit": PAGE})
        async for intent in _newest(intents):
            if _words(intent).get("key") == call.key:
                return intent_outcome(await self._intent(intent["id"]))
        return await self._searched(call)

    async def _searched(self, call: Call) -> Outcome:
        try:
            found = await self._api.payment_intents.search_async({"query": f"metadata['key']:'{call.key}'", "limit": 1})
        except stripe.InvalidRequestError:  # not offered in every country
            return _never()
        return intent_outcome(await self._intent(found.data[0].id)) if found.data else _never()

    async def _found_of_charge(self, call: Call, reference: str) -> Outcome:
        charge = await self._charge(reference)
        if call.step is CallStep.VOID:
            return _given_back(call) if charge["refunded"] and not charge["captured"] else _never()
        return _charge_taken(charge, call) if _charge_was_taken(charge, call) else _never()

    async def _found_refund(self, call: Call) -> Outcome:
        kind = "payment_intent" if (call.reference or "").startswith("pi_") else "charge"
        params: dict[str, Any] = {kind: call.reference, "limit": PAGE}
        refunds = await self._api.refunds.list_async(_params(params))
        async for refund in _newest(refunds):
            if _words(refund).get("key") == call.key:
                return refund_outcome(refund)
        return _never()

    async def _intent(self, reference: str) -> Document:
        intent = await self._api.payment_intents.retrieve_async(reference, {"expand": EXPANDED})
        return intent.to_dict()

    async def _charge(self, reference: str) -> Document:
        charge = await self._api.charges.retrieve_async(reference)
        return charge.to_dict()


def _params(params: dict[str, Any]) -> Any:
    """The library types what it takes as one exact dictionary a call."""
    return params


async def _heard(ask: Callable[[Call], Awaitable[Outcome]], call: Call, on_refusal: Result | None = None) -> Outcome:
    """What was said; when a question itself is refused nobody knows (`on_refusal`)."""
    try:
        return await ask(call)
    except AmountRefused as error:
        outcome = decline("invalid_amount", None, call.reference)
        return Outcome(outcome.result, NAME, call.reference, reason=outcome.reason, code=outcome.code, said=str(error))
    except stripe.StripeError as error:
        outcome = outcome_of_error(error, call.reference)
        if on_refusal is not None and outcome.result is Result.DECLINED:
            return Outcome(on_refusal, NAME, code=outcome.code, said=outcome.said)
        return outcome


async def _newest(page: Any) -> AsyncIterator[Document]:
    """What a list has, from the newest on, as far as we look."""
    seen = 0
    async for one in page.auto_paging_iter():
        yield one.to_dict()
        seen += 1
        if seen >= FOUND_MAX:
            return


def _metadata(call: Call) -> dict[str, str]:
    return {
        "order_id": call.order_id,
        "tenant": call.tenant,
        "authorization": call.authorization,
        "key": call.key,
    }


def _mark(call: Call) -> str:
    """How an intent remembers a capture or a raise of ours: a name of 38 characters, of 40 that are allowed."""
    return f"{call.step.value[0]}:{call.key}"


def _words(made: Document) -> Mapping[str, str]:
    """The metadata of a thing there."""
    return made.get("metadata") or {}


def _never() -> Outcome:
    return Outcome(Result.NEVER_SEEN, NAME)


def _given_back(call: Call) -> Outcome:
    return Outcome(Result.DONE, NAME, call.reference, call.amount)


# Reading what is there


def _charge_of(intent: Document) -> Document:
    charge = intent.get("latest_charge")
    return charge if isinstance(charge, Mapping) else {"id": charge} if charge else {}


def _card_of(charge: Mapping[str, Any]) -> Mapping[str, Any]:
    card: Mapping[str, Any] = (charge.get("payment_method_details") or {}).get("card") or {}
    return card


def _offers(card: Mapping[str, Any], what: str) -> bool:
    return (card.get(what) or {}).get("status") == "available"


def _several(intent: Document) -> bool:
    return _offers(_card_of(_charge_of(intent)), "multicapture")


def _capabilities(card: Mapping[str, Any]) -> tuple[Capability, ...]:
    offered = {
        Capability.MULTI_CAPTURE: "multicapture",
        Capability.OVER_CAPTURE: "overcapture",
        Capability.INCREMENTAL: "incremental_authorization",
    }
    return tuple(capability for capability, what in offered.items() if _offers(card, what))


def intent_outcome(intent: Document) -> Outcome:
    """What an intent says of the authorisation that made it."""
    error = intent.get("last_payment_error") or {}
    match intent["status"]:
        case "requires_capture" | "succeeded":
            result = Result.DONE
        case "requires_action" | "requires_confirmation":
            result = Result.ACTION_REQUIRED
        case "processing":
            result = Result.PENDING
        case "canceled":
            return decline("voided", None, intent["id"])
        case _:
            return decline(error.get("code"), error.get("decline_code"), intent["id"])
    charge = _charge_of(intent)
    card = _card_of(charge)
    redirect = (intent.get("next_action") or {}).get("redirect_to_url") or {}
    before = card.get("capture_before")
    return Outcome(
        result,
        NAME,
        reference=intent["id"],
        amount=money_here(intent["amount"], intent["currency"]),
        action_url=redirect.get("url"),
        expires_at=datetime.fromtimestamp(before, UTC) if before else None,
        capabilities=_capabilities(card),
        final=not _offers(card, "multicapture"),
        brand=card.get("brand"),
        last_four=card.get("last4"),
    )


def _taken(intent: Document, call: Call) -> Outcome | None:
    """The capture, if it was taken of this intent before; None: it was not."""
    if _several(intent):
        taken = _mark(call) in _words(intent)
    else:
        taken = intent["status"] == "succeeded" and _words(intent).get(CAPTURE) == call.key
    return _captured(intent, call, final=intent["status"] == "succeeded") if taken else None


def _captured(intent: Document, call: Call, final: bool) -> Outcome:
    charge = _charge_of(intent)
    amount = call.amount if _several(intent) else _received(intent, call.amount)
    return Outcome(
        Result.DONE,
        NAME,
        reference=charge.get("id") or intent["id"],
        amount=amount,
        final=final,
        settlement=_settlement(charge),
        brand=_card_of(charge).get("brand"),
        last_four=_card_of(charge).get("last4"),
    )


def intent_taken(intent: Document) -> Outcome:
    """What an intent that was captured once says of the capture."""
    whole = money_here(intent["amount"], intent["currency"])
    charge = _charge_of(intent)
    reference = charge.get("id") or intent["id"]
    return Outcome(Result.DONE, NAME, reference=reference, amount=_received(intent, whole), final=True)


def _received(intent: Document, asked: Money) -> Money:
    received = intent.get("amount_received")
    return money_here(received, intent["currency"]) if received else asked


def _settlement(charge: Mapping[str, Any]) -> Settlement | None:
    posted = charge.get("balance_transaction")
    if not isinstance(posted, Mapping):
        return None
    currency = str(posted["currency"])
    rate = posted.get("exchange_rate")
    text = "1" if rate is None else f"{Decimal(str(rate)):f}"
    fee = money_here(posted.get("fee") or 0, currency)
    return Settlement(money_here(posted["amount"], currency), text, "stripe", fee)


def _charge_held(charge: Document) -> Outcome:
    if charge["status"] == "failed":
        return decline(charge.get("failure_code"), None, charge["id"])
    if charge["refunded"] and not charge["captured"]:
        return decline("voided", None, charge["id"])
    card = _card_of(charge)
    return Outcome(
        Result.DONE,
        NAME,
        reference=charge["id"],
        amount=money_here(charge["amount"], charge["currency"]),
        final=True,
        brand=card.get("brand"),
        last_four=card.get("last4"),
    )


def _charge_was_taken(charge: Document, call: Call) -> bool:
    return bool(charge["captured"]) and _words(charge).get(CAPTURE) == call.key


def _charge_taken(charge: Document, call: Call) -> Outcome:
    return Outcome(Result.DONE, NAME, reference=charge["id"], amount=call.amount, final=True)


def refund_outcome(refund: Document) -> Outcome:
    """What a refund says of the call that made it."""
    result = REFUND_RESULTS.get(refund["status"] or "", Result.PENDING)
    if result is Result.DECLINED:
        return decline(refund.get("failure_reason") or refund["status"], None, refund["id"])
    return Outcome(result, NAME, reference=refund["id"], amount=money_here(refund["amount"], refund["currency"]))
