"""The provider over HTTP, and its misbehaviour: docs/providers.md says what each route and token does."""

from __future__ import annotations

import asyncio
import csv
import hashlib
import hmac
import io
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Any

from fastapi import Depends, FastAPI, Header, HTTPException, Request
from fastapi.responses import JSONResponse, PlainTextResponse
from pydantic import BaseModel, ConfigDict, Field

from deploy.sandbox.bank import ACCOUNTS, Bank, Refused, day_of
from deploy.sandbox.ledger import Document
from deploy.sandbox.money import decimal_text
from deploy.sandbox.notices import Notices
from deploy.sandbox.script import Plan, Trouble, plan_of

__all__ = ["Conduct", "make_sandbox"]

TICK_SECONDS = 0.2
AMOUNT_MAX = 10**12
RETRY_SECONDS = 1
FOUND_MAX = 100

Amount = Annotated[int, Field(gt=0, le=AMOUNT_MAX, strict=True)]
Key = Annotated[str, Header(alias="Idempotency-Key", min_length=1, max_length=255)]
Metadata = Annotated[dict[str, str], Field(max_length=20)]


@dataclass(frozen=True)
class Conduct:
    """`key` lets callers in; keys of calls are known for `keys_kept_seconds`. A slow answer takes `slow_seconds`; one
    that never comes is given up after `hold_seconds`."""

    key: str
    keys_kept_seconds: int = 86_400
    slow_seconds: float = 30.0
    hold_seconds: float = 60.0


class _Asked(BaseModel):
    model_config = ConfigDict(extra="forbid")

    amount: Amount
    metadata: Metadata = {}


class AuthorizationAsked(_Asked):
    """What is held on which card."""

    token: str = Field(min_length=1, max_length=200)
    currency: str = Field(pattern="^[A-Z]{3}$")


class CaptureAsked(_Asked):
    """What is taken, and whether nothing follows."""

    final: bool = False


class IncrementAsked(_Asked):
    """What is held besides."""


class RefundAsked(_Asked):
    """What is given back."""


class VoidAsked(BaseModel):
    """Who gives it up."""

    model_config = ConfigDict(extra="forbid")

    metadata: Metadata = {}


class Confirmation(BaseModel):
    """What the payer says."""

    confirmed: bool


class Ahead(BaseModel):
    """How much time passes at once."""

    seconds: int = Field(gt=0, le=400 * 86_400)


class _Desk:
    """Answers calls: known keys, troubles, one transaction each."""

    def __init__(self, bank: Bank, notices: Notices, conduct: Conduct) -> None:
        self.bank, self.notices, self.conduct = bank, notices, conduct

    def now(self) -> int:
        return int(time.time()) + self.bank.ledger.setting("clock ahead")

    def entered(self, request: Request) -> str:
        """The account of a caller who may come in."""
        said = request.headers.get("authorization", "").removeprefix("Bearer ")
        if not hmac.compare_digest(said.encode(), self.conduct.key.encode()):
            raise HTTPException(401, "the key is wrong")
        account = request.headers.get("sandbox-account", "multi")
        if account not in ACCOUNTS:
            raise HTTPException(400, f"accounts are {', '.join(ACCOUNTS)}")
        return account

    def plan(self, kind: str, id: str) -> Plan:
        """What the token behind a thing makes happen."""
        made = self.bank.ledger.get(kind, id)
        if made is not None and kind == "charge":
            made = self.bank.ledger.get("authorization", made["parent"])
        return (plan_of(made["token"]) if made else None) or Plan()

    async def answer(
        self, request: Request, key: str, step: str, plan: Plan, account: str, do: Callable[[], Document]
    ) -> JSONResponse:
        """Do a call once by its key, with the trouble that its token brings."""
        trouble = plan.troubled(step)
        if trouble and self._counted(f"trouble {account} {key}"):
            trouble = None
        if before := await self._before(trouble):
            return before
        body = await request.body()
        status, said, replayed = self._done(account, key, request, body, do)
        if plan.notices == "early":
            await self.notices.send_due(self.now())
        if trouble is Trouble.SLOW:
            await asyncio.sleep(self.conduct.slow_seconds)
        if trouble is Trouble.TIMEOUT_AFTER:
            await asyncio.sleep(self.conduct.hold_seconds)
            return _error(504, "gateway_timeout")
        if trouble is Trouble.ERROR_AFTER:
            return _error(500, "internal_error")
        return JSONResponse(said, status, {"Idempotent-Replayed": "true"} if replayed else None)

    def _counted(self, name: str) -> bool:
        with self.bank.ledger.transaction():
            return self.bank.ledger.count(name) > 0

    async def _before(self, trouble: Trouble | None) -> JSONResponse | None:
        match trouble:
            case Trouble.TIMEOUT_BEFORE:
                await asyncio.sleep(self.conduct.hold_seconds)
                return _error(504, "gateway_timeout")
            case Trouble.ERROR_BEFORE:
                return _error(500, "internal_error")
            case Trouble.UNAVAILABLE:
                return _error(503, "unavailable", {"Retry-After": str(RETRY_SECONDS)})
            case Trouble.TOO_MANY:
                return _error(429, "too_many_calls", {"Retry-After": str(RETRY_SECONDS)})
        return None

    def _done(
        self, account: str, key: str, request: Request, body: bytes, do: Callable[[], Document]
    ) -> tuple[int, Document, bool]:
        ledger, now = self.bank.ledger, self.now()
        fingerprint = hashlib.sha256(f"{request.method} {request.url.path}\n".encode() + body).hexdigest()
        with ledger.transaction():
            if known := ledger.call(account, key, now - self.conduct.keys_kept_seconds):
                if known[0] != fingerprint:
                    message = "this key was used with other parameters"
                    return 400, {"error": {"code": "key_reused", "message": message}}, False
                return known[1], known[2], True
            self.bank.now = now
            self.bank.pass_time()
            status, said = 200, {}
            try:
                said = do()
            except Refused as refused:
                status, said = refused.status, {"error": refused.error}
            ledger.know_call(account, key, fingerprint, status, said, now, said.get("id"))
            return status, said, False

    def happen(self, do: Callable[[], Document]) -> Document:
        """Something that nobody asked for by a key: the payer, the bank, time."""
        with self.bank.ledger.transaction():
            self.bank.now = self.now()
            self.bank.pass_time()
            try:
                return do()
            except Refused as refused:
                raise HTTPException(refused.status, refused.error) from refused


def _error(status: int, code: str, headers: dict[str, str] | None = None) -> JSONResponse:
    return JSONResponse({"error": {"code": code, "message": code.replace("_", " ")}}, status, headers)


def make_sandbox(bank: Bank, notices: Notices, conduct: Conduct) -> FastAPI:
    """The application; its ledger is closed by who opened it."""
    desk = _Desk(bank, notices, conduct)

    @asynccontextmanager
    async def ticking(_: FastAPI) -> AsyncIterator[None]:
        ticks = asyncio.create_task(_tick(desk))
        yield
        ticks.cancel()
        with suppress(asyncio.CancelledError):
            await ticks
        await notices.close()

    app = FastAPI(title="Payment sandbox", lifespan=ticking)
    _calls(app, desk)
    _looking(app, desk)
    _happenings(app, desk)
    return app


async def _tick(desk: _Desk) -> None:
    while True:
        desk.happen(dict)
        await desk.notices.send_due(desk.now())
        await asyncio.sleep(TICK_SECONDS)


def _calls(app: FastAPI, desk: _Desk) -> None:
    account_of = Depends(desk.entered)

    @app.post("/authorizations")
    async def authorize(
        request: Request, asked: AuthorizationAsked, key: Key, account: str = account_of
    ) -> JSONResponse:
        """Hold money, as the token says."""
        address = str(request.base_url).rstrip("/")
        return await desk.answer(
            request,
            key,
            "authorize",
            plan_of(asked.token) or Plan(),
            account,
            lambda: desk.bank.authorize(account, asked.token, asked.amount, asked.currency, asked.metadata, address),
        )

    @app.post("/authorizations/{id}/increments")
    async def increase(
        request: Request, id: str, asked: IncrementAsked, key: Key, account: str = account_of
    ) -> JSONResponse:
        """Hold more of the same authorisation."""
        plan = desk.plan("authorization", id)
        return await desk.answer(
            request,
            key,
            "increase",
            plan,
            account,
            lambda: desk.bank.increase(account, id, asked.amount, asked.metadata),
        )

    @app.post("/authorizations/{id}/captures")
    async def capture(
        request: Request, id: str, asked: CaptureAsked, key: Key, account: str = account_of
    ) -> JSONResponse:
        """Take what is held, or a part of it."""
        plan = desk.plan("authorization", id)
        return await desk.answer(
            request,
            key,
            "capture",
            plan,
            account,
            lambda: desk.bank.capture(account, id, asked.amount, asked.final, asked.metadata),
        )

    @app.post("/authorizations/{id}/void")
    async def void(request: Request, id: str, asked: VoidAsked, key: Key, account: str = account_of) -> JSONResponse:
        """Let go of what is held."""
        plan = desk.plan("authorization", id)
        return await desk.answer(
            request, key, "void", plan, account, lambda: desk.bank.void(account, id, asked.metadata)
        )

    @app.post("/charges/{id}/refunds")
    async def refund(
        request: Request, id: str, asked: RefundAsked, key: Key, account: str = account_of
    ) -> JSONResponse:
        plan = desk.plan("charge", id)
        return await desk.answer(
            request, key, "refund", plan, account, lambda: desk.bank.refund(account, id, asked.amount, asked.metadata)
        )


def _looking(app: FastAPI, desk: _Desk) -> None:
    account_of = Depends(desk.entered)
    ledger = desk.bank.ledger

    @app.get("/health")
    async def health() -> dict[str, str]:
        return {"state": "running"}

    @app.get("/calls/{key}")
    async def call(key: str, account: str = account_of) -> dict[str, Any]:
        known = ledger.call(account, key, desk.now() - desk.conduct.keys_kept_seconds)
        if known is None:
            raise HTTPException(404, "no call with this key is known")
        return {"status": known[1], "answer": known[2]}

    @app.get("/search")
    async def search(
        account: str = account_of,
        key: str | None = None,
        order_id: str | None = None,
        authorization: str | None = None,
        kind: str | None = None,
    ) -> dict[str, Any]:
        """What carries these words in its metadata."""
        words = {"key": key, "order_id": order_id, "authorization": authorization, "kind": kind}
        named = {name: value for name, value in words.items() if value is not None}
        if not named:
            raise HTTPException(400, f"say one of {', '.join(words)}")
        return {"data": ledger.made_by(account, **named)[:FOUND_MAX]}

    @app.get("/authorizations/{id}")
    async def authorization(id: str, account: str = account_of) -> dict[str, Any]:
        found = ledger.get("authorization", id)
        if found is None or found["account"] != account:
            raise HTTPException(404, f"no authorization is called {id}")
        return {**found, "charges": ledger.below(id, "charge")}

    @app.get("/ledger/{day}")
    async def entries(day: date, account: str = account_of) -> dict[str, Any]:
        """What was posted on a day (UTC); of what was held, whether it is held now."""
        posted = ledger.entries(account, day.isoformat())
        for entry in posted:
            if entry["type"] == "authorization" and (held := ledger.get("authorization", entry["id"])):
                entry["state"] = held["state"]
        return {"day": day.isoformat(), "account": account, "entries": posted}

    @app.get("/settlements/{day}.csv")
    async def settlement(day: date, account: str = account_of) -> PlainTextResponse:
        """The same as a file: what is paid out, and what was kept of it."""
        return PlainTextResponse(_settlement(ledger.entries(account, day.isoformat()), day), media_type="text/csv")


_COLUMNS = (
    "id",
    "type",
    "created",
    "order_id",
    "authorization",
    "key",
    "amount",
    "currency",
    "settled",
    "settled_currency",
    "rate",
    "rate_source",
    "fee",
    "net",
)


def _settlement(entries: list[Document], day: date) -> str:
    out = io.StringIO()
    file = csv.DictWriter(out, _COLUMNS, restval="", extrasaction="ignore", quoting=csv.QUOTE_ALL)
    file.writeheader()
    paid: dict[str, int] = {}
    for entry in entries:
        if entry["type"] == "authorization":
            continue
        currency, net = entry["settled_currency"], entry["settled"] - entry["fee"]
        paid[currency] = paid.get(currency, 0) + net
        money = {
            "amount": decimal_text(entry["amount"], entry["currency"]),
            "settled": decimal_text(entry["settled"], currency),
            "fee": decimal_text(entry["fee"], currency),
            "net": decimal_text(net, currency),
            "created": day_of(entry["created"]),
        }
        file.writerow({**entry, **money})
    for currency, net in paid.items():
        text = decimal_text(-net, currency)
        file.writerow(
            {
                "id": f"po_{day}_{currency}",
                "type": "payout",
                "created": day.isoformat(),
                "settled": text,
                "settled_currency": currency,
                "net": text,
            }
        )
    return out.getvalue()


def _happenings(app: FastAPI, desk: _Desk) -> None:
    account_of = Depends(desk.entered)

    @app.get("/pay/{id}")
    async def page(id: str) -> PlainTextResponse:
        """What a payer would see."""
        return PlainTextResponse(f'POST {{"confirmed": true}} or false to /pay/{id}')

    @app.post("/pay/{id}")
    async def confirm(id: str, said: Confirmation) -> dict[str, Any]:
        """The payer says yes or no; like a payer, without a key."""
        return desk.happen(lambda: desk.bank.confirm(id, said.confirmed))

    @app.post("/test/clock")
    async def ahead(by: Ahead, account: str = account_of) -> dict[str, Any]:
        """Time passes at once, for this provider alone."""
        ledger = desk.bank.ledger
        with ledger.transaction():
            ledger.set("clock ahead", ledger.setting("clock ahead") + by.seconds)
        desk.happen(dict)
        return {"now": desk.now()}

    @app.post("/test/charges/{id}/dispute")
    async def dispute(id: str, account: str = account_of) -> dict[str, Any]:
        """The payer disputes a charge."""

        def do() -> Document:
            charge = desk.bank.ledger.get("charge", id)
            if charge is None or charge.get("disputed"):
                raise Refused(409, "not_disputable", "there is no such charge, or it is disputed")
            return desk.bank.dispute(charge)

        return desk.happen(do)

    @app.post("/test/disputes/{id}/{end}")
    async def end(id: str, end: str, account: str = account_of) -> dict[str, Any]:
        """The bank decides: `won` or `lost`."""

        def do() -> Document:
            dispute = desk.bank.ledger.get("dispute", id)
            if dispute is None or end not in ("won", "lost"):
                raise Refused(404, "no_such_dispute", "there is no such dispute, or no such end")
            return desk.bank.end_dispute(dispute, end)

        return desk.happen(do)
