"""Stripe, by its own library: payment intents captured by hand, and the older charges for methods stored as sources.

Of a method `pm_…` (with its customer: `cus_…:pm_…`) a payment intent is made, of `tok_…`, `src_…` or `card_…` a charge.
Our order, authorisation and key stand in the metadata of what is made. A capture is no thing of its own there, so an
intent remembers in its metadata which of our captures were taken of it; and before anything is taken it is looked
whether it was taken already, because the key of a call is forgotten after a day.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Self

import httpx
import stripe

from chassis.states import replace
from services.payments.provider import Call, CallStep, Outcome, Result
from services.payments.providers.stripe_reading import (
    CAPTURE,
    Document,
    captured,
    charge_held,
    charge_taken,
    charge_was_taken,
    intent_outcome,
    mark,
    refund_outcome,
    several,
    taken_before,
    words_of,
)
from services.payments.providers.stripe_words import NAME, AmountRefused, amount_there, decline, outcome_of_error

__all__ = ["StripeProvider"]

KEYS_KEPT = timedelta(hours=24)
CONNECT_SECONDS = 3.0
ANSWER_SECONDS = 25.0
PAGE = 100
FOUND_MAX = 1_000
"""How many of the newest things are looked through for what a call left there. The search finds older intents."""
SEARCHED_AFTER = timedelta(hours=1)
"""How old an intent is that the search surely knows; Stripe promises a minute, and longer while it has trouble."""

SOURCES = ("tok_", "src_", "card_")
EXPANDED = ["latest_charge.balance_transaction"]
CLOSED = {"canceled": "voided", "succeeded": "closed"}
"""Why nothing can be captured of an intent in this state, in the words that we have for it."""


class StripeProvider:
    """One account there, by its secret key; closed with `close`. `incremental`: it may raise what is held, which Stripe
    lets some accounts do, and some cards, once it is asked for with the intent."""

    name = NAME
    keys_kept = KEYS_KEPT

    def __init__(
        self,
        key: str,
        url: str = "https://api.stripe.com",
        answer_seconds: float = ANSWER_SECONDS,
        *,
        incremental: bool = False,
    ) -> None:
        self._wishes = {"request_multicapture": "if_available"}
        if incremental:
            self._wishes["request_incremental_authorization"] = "if_available"
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
            return charge_held(charge.to_dict())
        customer, _, method = token.rpartition(":")
        params: dict[str, Any] = {
            "amount": amount_there(call.amount),
            "currency": call.amount.currency.lower(),
            "payment_method": method,
            "capture_method": "manual",
            "confirm": True,
            "metadata": _metadata(call),
            "payment_method_options": {"card": self._wishes},
            "expand": EXPANDED,
        }
        if customer:
            params["customer"] = customer
        if call.payer_absent:
            params["off_session"] = True
        made = await self._api.payment_intents.create_async(_params(params), {"idempotency_key": call.key})
        return intent_outcome(made.to_dict())

    async def _raise(self, call: Call, reference: str) -> Outcome:
        held = await self.intent(reference)
        raised = await self._api.payment_intents.increment_authorization_async(
            reference,
            {
                "amount": held["amount"] + amount_there(call.amount),
                "metadata": {mark(call): str(amount_there(call.amount))},
                "expand": EXPANDED,
            },
            {"idempotency_key": call.key},
        )
        return _raised(raised.to_dict(), call)

    async def _capture(self, call: Call) -> Outcome:
        reference = call.reference or ""
        if reference.startswith("ch_"):
            return await self._capture_charge(call, reference)
        held = await self.intent(reference)
        if (taken := taken_before(held, call)) is not None:
            return taken
        if held["status"] != "requires_capture":
            return decline(CLOSED.get(held["status"], held["status"]), None, reference)
        params: dict[str, Any] = {"amount_to_capture": amount_there(call.amount)}
        if several(held):
            params |= {"final_capture": call.final, "metadata": {mark(call): str(amount_there(call.amount))}}
        else:
            await self._api.payment_intents.update_async(reference, {"metadata": {CAPTURE: call.key}})
        made = await self._api.payment_intents.capture_async(
            reference,
            _params({**params, "expand": EXPANDED}),
            {"idempotency_key": call.key},
        )
        return captured(made.to_dict(), call, final=call.final or not several(held))

    async def _capture_charge(self, call: Call, reference: str) -> Outcome:
        held = await self.charge(reference)
        if charge_was_taken(held, call):
            return charge_taken(held, call)
        if held["captured"] or held["refunded"]:
            return decline("closed" if held["captured"] else "voided", None, reference)
        marked = {**words_of(held), CAPTURE: call.key}
        await self._api.charges.update_async(reference, {"metadata": marked})
        amount = amount_there(call.amount)
        made = await self._api.charges.capture_async(reference, {"amount": amount}, {"idempotency_key": call.key})
        return charge_taken(made.to_dict(), call)

    async def _void(self, call: Call) -> Outcome:
        reference = call.reference or ""
        if reference.startswith("ch_"):
            held = await self.charge(reference)
            if not held["refunded"]:
                await self._api.refunds.create_async(
                    {"charge": reference, "metadata": _metadata(call)}, {"idempotency_key": call.key}
                )
            return _given_back(call)
        intent = await self.intent(reference)
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
        held = await self.intent(reference)
        match call.step:
            case CallStep.AUTHORIZE:
                return _raised(held, call) if mark(call) in words_of(held) else _never()
            case CallStep.VOID:
                return _given_back(call) if held["status"] == "canceled" else _never()
        return taken_before(held, call) or _never()

    async def _found_authorization(self, call: Call) -> Outcome:
        if (call.token or "").startswith(SOURCES):
            charge, unseen = await _sought(await self._api.charges.list_async({"limit": PAGE}), call.key)
            return charge_held(charge) if charge else _not_found(unseen)
        intent, unseen = await _sought(await self._api.payment_intents.list_async({"limit": PAGE}), call.key)
        if intent is not None:
            return intent_outcome(await self.intent(intent["id"]))
        return await self._searched(call, unseen) if unseen else _never()

    async def _searched(self, call: Call, unseen: datetime) -> Outcome:
        """Among the intents up to `unseen`; nobody can tell of some that the search may not know yet."""
        try:
            found = await self._api.payment_intents.search_async({"query": f"metadata['key']:'{call.key}'", "limit": 1})
        except stripe.InvalidRequestError:  # not offered in every country
            return _not_found(unseen)
        if found.data:
            return intent_outcome(await self.intent(found.data[0].id))
        return _never() if datetime.now(UTC) - unseen > SEARCHED_AFTER else _not_found(unseen)

    async def _found_of_charge(self, call: Call, reference: str) -> Outcome:
        charge = await self.charge(reference)
        if call.step is CallStep.VOID:
            return _given_back(call) if charge["refunded"] and not charge["captured"] else _never()
        return charge_taken(charge, call) if charge_was_taken(charge, call) else _never()

    async def _found_refund(self, call: Call) -> Outcome:
        kind = "payment_intent" if (call.reference or "").startswith("pi_") else "charge"
        params: dict[str, Any] = {kind: call.reference, "limit": PAGE}
        refund, unseen = await _sought(await self._api.refunds.list_async(_params(params)), call.key)
        return refund_outcome(refund) if refund else _not_found(unseen)

    # Looking up

    async def intent(self, reference: str) -> Document:
        """A payment intent as it is now, with its newest charge. Raises StripeError."""
        intent = await self._api.payment_intents.retrieve_async(reference, {"expand": EXPANDED})
        return intent.to_dict()

    async def charge(self, reference: str) -> Document:
        """A charge as it is now, with what was posted of it. Raises StripeError."""
        charge = await self._api.charges.retrieve_async(reference, {"expand": ["balance_transaction"]})
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


async def _sought(page: Any, key: str) -> tuple[Document | None, datetime | None]:
    """What the call with this key left in a list; else, where we stopped before its end, when the last that we saw was
    made: older ones are there unseen."""
    seen = 0
    async for one in page.auto_paging_iter():
        made = one.to_dict()
        if words_of(made).get("key") == key:
            return made, None
        seen += 1
        if seen >= FOUND_MAX:
            return None, datetime.fromtimestamp(made["created"], UTC)
    return None, None


def _metadata(call: Call) -> dict[str, str]:
    return {
        "order_id": call.order_id,
        "tenant": call.tenant,
        "authorization": call.authorization,
        "key": call.key,
    }


def _never() -> Outcome:
    return Outcome(Result.NEVER_SEEN, NAME)


def _not_found(unseen: datetime | None) -> Outcome:
    """There is no such call if all was seen; else nobody can tell."""
    if unseen is None:
        return _never()
    said = f"stripe has more than {FOUND_MAX} newer ones: look for the call's key in its dashboard"
    return Outcome(Result.UNKNOWN, NAME, said=said)


def _raised(intent: Document, call: Call) -> Outcome:
    """The intent shows all that is held."""
    outcome = intent_outcome(intent)
    return replace(outcome, amount=call.amount) if outcome.result is Result.DONE else outcome


def _given_back(call: Call) -> Outcome:
    return Outcome(Result.DONE, NAME, call.reference, call.amount)
