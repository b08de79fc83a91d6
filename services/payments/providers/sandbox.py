"""The sandbox (deploy/sandbox/), a provider that takes no real money: for trying out, for the demo, for tests."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Self

import httpx

from chassis.states import replace
from contracts.money import Money
from contracts.payments import Capability, CardDecline
from services.payments.provider import (
    Call,
    CallStep,
    DisputeStage,
    Notice,
    NoticeRefused,
    Outcome,
    Result,
    Settlement,
)
from services.payments.providers.signatures import verify

__all__ = ["SandboxNotices", "SandboxProvider", "provider_name"]

KEYS_KEPT = timedelta(hours=24)
CONNECT_SECONDS = 2.0
ANSWER_SECONDS = 10.0
CONNECTIONS_MAX = 20

DECLINES: Mapping[str, CardDecline] = {
    "insufficient_funds": CardDecline.INSUFFICIENT_FUNDS,
    "expired_card": CardDecline.EXPIRED_CARD,
    "fraudulent": CardDecline.FRAUD,
    "do_not_honor": CardDecline.DO_NOT_HONOR,
    "lost_card": CardDecline.LOST_OR_STOLEN,
    "stolen_card": CardDecline.LOST_OR_STOLEN,
    "incorrect_number": CardDecline.INCORRECT_DETAILS,
    "incorrect_cvc": CardDecline.INCORRECT_DETAILS,
    "card_velocity_exceeded": CardDecline.LIMIT_EXCEEDED,
    "authentication_failed": CardDecline.AUTHENTICATION_FAILED,
    "not_supported": CardDecline.UNSUPPORTED,
}

KINDS: Mapping[CallStep, str] = {
    CallStep.AUTHORIZE: "authorization",
    CallStep.CAPTURE: "charge",
    CallStep.VOID: "void",
    CallStep.REFUND: "refund",
}
"""What each step makes there."""

STEPS: Mapping[str, CallStep] = {**{kind: step for step, kind in KINDS.items()}, "dispute": CallStep.CAPTURE}

RESULTS: Mapping[str, Result] = {
    "authorized": Result.DONE,
    "closed": Result.DONE,
    "captured": Result.DONE,
    "done": Result.DONE,
    "opened": Result.DONE,
    "won": Result.DONE,
    "lost": Result.DONE,
    "action_required": Result.ACTION_REQUIRED,
    "pending": Result.PENDING,
    "declined": Result.DECLINED,
    "failed": Result.DECLINED,
    "expired": Result.DECLINED,
    "voided": Result.DECLINED,
}
"""What the state of a thing there says about the call that made it. An authorisation that lapsed or was given back
before anything was taken holds nothing: it is as if declined, and `code` says which."""

GIVEN_BACK = frozenset({"voided", "expired", "declined"})
"""A void of one of these has nothing to do any more."""


def provider_name(account: str) -> str:
    """What we call an account there: `sandbox`, or `sandbox-single` for one of the others."""
    return "sandbox" if account == "multi" else f"sandbox-{account}"


class SandboxProvider:
    """One account there; closed with `close`."""

    keys_kept = KEYS_KEPT

    def __init__(self, url: str, key: str, account: str = "multi", answer_seconds: float = ANSWER_SECONDS) -> None:
        self.name = provider_name(account)
        self._client = httpx.AsyncClient(
            base_url=url,
            headers={"Authorization": f"Bearer {key}", "Sandbox-Account": account},
            timeout=httpx.Timeout(answer_seconds, connect=CONNECT_SECONDS),
            limits=httpx.Limits(max_connections=CONNECTIONS_MAX),
            verify=url.startswith("https"),  # reading certificates takes longer than a call, and plain HTTP has none
            trust_env=False,
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Leave the network."""
        await self._client.aclose()

    async def call(self, call: Call) -> Outcome:
        """Ask for it, once; the same key again is the same call."""
        path, body = _asked(call)
        try:
            answer = await self._client.post(path, json=body, headers={"Idempotency-Key": call.key})
        except httpx.HTTPError as error:
            return self._unheard(error, Result.UNKNOWN)
        return self._heard(answer, call)

    async def find(self, call: Call) -> Outcome:
        """By what the call left there, and else by its key: a refusal leaves nothing but the answer."""
        kind = "increment" if _raises(call) else KINDS[call.step]
        try:
            found = await self._client.get("/search", params={"key": call.key, "kind": kind})
            if found.status_code == httpx.codes.OK and found.json()["data"]:
                return _of_call(_outcome(self.name, found.json()["data"][-1]), call)
            if found.status_code != httpx.codes.OK:
                return self._heard(found, call)
            known = await self._client.get(f"/calls/{call.key}")
            if known.status_code == httpx.codes.NOT_FOUND:
                return Outcome(Result.NEVER_SEEN, self.name)
            if known.status_code != httpx.codes.OK:
                return self._heard(known, call)
            said = known.json()
            return self._said(said["status"], said["answer"], call)
        except (httpx.HTTPError, ValueError, KeyError, TypeError) as error:
            return self._unheard(error, Result.UNKNOWN)

    def _unheard(self, error: Exception, otherwise: Result) -> Outcome:
        """Without a connection nothing was sent; of all else nobody can tell."""
        never_sent = isinstance(error, httpx.ConnectError | httpx.ConnectTimeout | httpx.PoolTimeout)
        said = f"{self.name} did not answer ({type(error).__name__})"
        away = isinstance(error, httpx.HTTPError)
        return Outcome(Result.TRY_AGAIN if never_sent else otherwise, self.name, away=away, said=said)

    def _heard(self, answer: httpx.Response, call: Call) -> Outcome:
        status = answer.status_code
        if status in (httpx.codes.TOO_MANY_REQUESTS, httpx.codes.SERVICE_UNAVAILABLE):
            said, wait = f"{self.name} asks to wait ({status})", _seconds(answer.headers.get("Retry-After"))
            return Outcome(Result.TRY_AGAIN, self.name, code=str(status), retry_after=wait, away=True, said=said)
        if status >= 500:
            return Outcome(Result.UNKNOWN, self.name, code=str(status), said=f"{self.name} failed ({status})")
        try:
            return self._said(status, answer.json(), call)
        except (ValueError, KeyError, TypeError, AttributeError):
            return Outcome(Result.UNKNOWN, self.name, code=str(status), said=f"{self.name} said what nobody can read")

    def _said(self, status: int, said: Mapping[str, Any], call: Call) -> Outcome:
        if status == httpx.codes.OK:
            return _of_call(_outcome(self.name, said), call)
        error = said.get("error")
        error = error if isinstance(error, Mapping) else {"code": str(status)}
        code = str(error["code"])
        if call.step is CallStep.VOID and status == httpx.codes.CONFLICT and code in GIVEN_BACK:
            return Outcome(Result.DONE, self.name, call.reference, call.amount, code=code)
        word = str(error.get("decline_code", code))
        return Outcome(
            Result.DECLINED,
            self.name,
            reference=error.get("id") if call.step is CallStep.AUTHORIZE else call.reference,
            reason=DECLINES.get(word, CardDecline.OTHER),
            soft=bool(error.get("soft", False)),
            code=word,
            said=f"{self.name} refused: {word.replace('_', ' ')}",
        )


def _asked(call: Call) -> tuple[str, dict[str, Any]]:
    metadata = {
        "order_id": call.order_id,
        "tenant": call.tenant,
        "authorization": call.authorization,
        "key": call.key,
    }
    amount = call.amount.amount
    match call.step:
        case CallStep.AUTHORIZE if _raises(call):
            return f"/authorizations/{call.reference}/increments", {"amount": amount, "metadata": metadata}
        case CallStep.AUTHORIZE:
            return "/authorizations", {
                "token": call.token or "",
                "amount": amount,
                "currency": call.amount.currency,
                "metadata": metadata,
            }
        case CallStep.CAPTURE:
            body = {"amount": amount, "final": call.final, "metadata": metadata}
            return f"/authorizations/{call.reference}/captures", body
        case CallStep.VOID:
            return f"/authorizations/{call.reference}/void", {"metadata": metadata}
        case CallStep.REFUND:
            return f"/charges/{call.reference}/refunds", {"amount": amount, "metadata": metadata}


def _raises(call: Call) -> bool:
    return call.step is CallStep.AUTHORIZE and call.reference is not None


def _of_call(outcome: Outcome, call: Call) -> Outcome:
    """Of an authorisation that was raised the answer shows all that is held."""
    return replace(outcome, amount=call.amount) if _raises(call) and outcome.result is Result.DONE else outcome


def _outcome(provider: str, made: Mapping[str, Any]) -> Outcome:
    """What a thing there says of the call that made it."""
    state, kind = made["state"], made["object"]
    result = Result.DONE if made.get("captured") else RESULTS[state]
    declined = result is Result.DECLINED
    word = (made.get("decline") or state) if declined else None
    expires = made.get("expires_at")
    return Outcome(
        result,
        provider,
        reference=made["parent"] if kind in ("increment", "void", "dispute") else made["id"],
        amount=Money(amount=made["amount"], currency=made["currency"]),
        reason=DECLINES.get(word, CardDecline.OTHER) if word else None,
        soft=bool(made.get("soft", False)),
        code=word,
        action_url=made.get("action_url"),
        expires_at=datetime.fromtimestamp(expires, UTC) if expires else None,
        capabilities=tuple(Capability(word) for word in made.get("capabilities", ())),
        final=bool(made.get("final", False)) or _single(made),
        settlement=_settlement(made.get("settlement")),
        brand=made.get("brand"),
        last_four=made.get("last_four"),
        said=f"{provider} refused: {word.replace('_', ' ')}" if word else None,
    )


def _single(made: Mapping[str, Any]) -> bool:
    """An authorisation that one capture uses up."""
    return made["object"] == "authorization" and "multi_capture" not in made["capabilities"]


def _settlement(said: Mapping[str, Any] | None) -> Settlement | None:
    if said is None:
        return None
    currency = said["currency"]
    fee = Money(amount=said["fee"], currency=currency)
    return Settlement(Money(amount=said["amount"], currency=currency), said["rate"], said["source"], fee)


def _seconds(text: str | None) -> timedelta | None:
    return timedelta(seconds=int(text)) if text and text.isascii() and text.isdigit() and len(text) < 6 else None


class SandboxNotices:
    """What the sandbox tells by itself; `secrets` are those that count now."""

    def __init__(self, secrets: Sequence[str], name: str = "sandbox") -> None:
        self.name, self._secrets = name, tuple(secrets)

    async def read(self, body: bytes, headers: Mapping[str, str], now: datetime) -> Notice | None:
        """The notice in these bytes; of all accounts there."""
        verify(body, headers.get("sandbox-signature"), self._secrets, now)
        try:
            said = json.loads(body)
            made = said["data"]
            metadata = made["metadata"]
            if not {"order_id", "authorization", "key"} <= metadata.keys():
                return None
            provider = provider_name(made["account"])
            return Notice(
                id=said["id"],
                provider=provider,
                step=STEPS[made["object"]],
                order_id=metadata["order_id"],
                authorization=metadata["authorization"],
                key=metadata["key"],
                outcome=_outcome(provider, made),
                dispute=DisputeStage(made["state"]) if made["object"] == "dispute" else None,
                tenant=metadata.get("tenant", "default"),
            )
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise NoticeRefused(f"it cannot be read ({type(error).__name__})") from error
