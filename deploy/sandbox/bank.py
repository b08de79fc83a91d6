"""What the provider does: authorisations, captures, voids, refunds, disputes, and what happens when time passes.

Everything here runs inside one transaction of the ledger. A refusal is raised as Refused; what was kept of it (a
declined authorisation, and its notice) is kept nevertheless, because the caller commits before answering.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from deploy.sandbox.ledger import Document, Ledger
from deploy.sandbox.money import fee, settle
from deploy.sandbox.script import DECLINES, Plan, plan_of

__all__ = ["ACCOUNTS", "Bank", "Refused", "Terms", "day_of"]

ACCOUNTS: Mapping[str, tuple[str, ...]] = {
    "multi": ("multi_capture", "partial_void"),
    "single": (),
    "incremental": ("multi_capture", "incremental", "partial_void"),
}
"""The accounts, and what their authorisations allow besides one capture."""

CARD = {"brand": "visa", "last_four": "4242"}
DAY_SECONDS = 86_400
SHORT_SECONDS = 60
"""How long an authorisation of `tok_short_lived` holds."""


class Refused(Exception):
    """A call that is not done; `status` is the HTTP status, `error` what is said."""

    def __init__(self, status: int, code: str, message: str, **more: object) -> None:
        super().__init__(message)
        self.status, self.error = status, {"code": code, "message": message, **more}


@dataclass(frozen=True)
class Terms:
    """What is agreed with merchants. `late_seconds`: when a late notice comes; `pending_seconds`: how long a pending
    refund takes; `dispute_seconds`: how long after a charge its dispute comes, and then its end."""

    settles_in: str = "EUR"
    authorized_seconds: int = 7 * DAY_SECONDS
    late_seconds: int = 30
    pending_seconds: int = 5
    dispute_seconds: int = 5


def day_of(seconds: int) -> str:
    """The day (UTC) of a moment."""
    return datetime.fromtimestamp(seconds, UTC).date().isoformat()


@dataclass
class Bank:
    """`now` is the provider's own time, set by whoever opens the transaction."""

    ledger: Ledger
    terms: Terms = field(default_factory=Terms)
    now: int = 0

    # What is asked

    def authorize(
        self, account: str, token: str, amount: int, currency: str, metadata: Mapping[str, str], address: str
    ) -> Document:
        """Hold `amount` on a card."""
        plan = plan_of(token)
        if plan is None:
            raise Refused(404, "no_such_token", f"no token is called {token}")
        seconds = SHORT_SECONDS if plan.short else self.terms.authorized_seconds
        made = self._new(
            "authorization",
            "au",
            account,
            amount,
            currency,
            metadata,
            token=token,
            state="action_required" if plan.action_required else "authorized",
            captured=0,
            released=0,
            final=False,
            capabilities=list(ACCOUNTS[account]),
            expires_at=self.now + seconds,
            wakes_at=self.now + seconds,
            **CARD,
        )
        if plan.action_required:
            made["action_url"] = f"{address}/pay/{made['id']}"
        code = plan.declined("authorize")
        if code and plan.declines_once and self.ledger.count(f"declined {token} {metadata.get('order_id')}"):
            code = None
        if code:
            made.update(state="declined", decline=code, soft=DECLINES[code], wakes_at=None)
        self.ledger.put(made)
        self._enter("authorization", made)
        self.tell(f"authorization.{made['state']}", made)
        if code:
            raise Refused(
                402, "declined", "the card was declined", decline_code=code, soft=DECLINES[code], id=made["id"]
            )
        return made

    def increase(self, account: str, id: str, amount: int, metadata: Mapping[str, str]) -> Document:
        """Hold `amount` more."""
        held = self._held(account, id)
        if "incremental" not in held["capabilities"]:
            raise Refused(409, "not_incremental", "authorisations of this account cannot be raised")
        made = self._new("increment", "in", account, amount, held["currency"], metadata, parent=id, state="done")
        self.ledger.put(made)
        held["amount"] += amount
        self.ledger.put(held)
        return {**held, "increment": made["id"]}

    def confirm(self, id: str, confirmed: bool) -> Document:
        """The payer says yes or no."""
        held = self.ledger.get("authorization", id)
        if held is None or held["state"] != "action_required":
            raise Refused(409, "nothing_to_confirm", "nothing waits for the payer here")
        held.pop("action_url", None)
        if confirmed:
            held["state"] = "authorized"
        else:
            held.update(state="declined", decline="authentication_failed", soft=False, wakes_at=None)
        self.ledger.put(held)
        self.tell(f"authorization.{held['state']}", held)
        return held

    def capture(self, account: str, id: str, amount: int, final: bool, metadata: Mapping[str, str]) -> Document:
        """Take `amount` of what is held."""
        held = self._held(account, id)
        plan = self._plan(held)
        open_amount = held["amount"] - held["captured"]
        if amount > open_amount:
            raise Refused(409, "above_authorized", f"{open_amount} is held, not {amount}")
        if code := plan.declined("capture"):
            raise Refused(402, "declined", "the capture was refused", decline_code=code, soft=DECLINES[code], id=id)
        final = final or "multi_capture" not in held["capabilities"] or amount == open_amount
        made = self._new("charge", "ch", account, amount, held["currency"], metadata, parent=id, state="captured")
        settled = settle(amount, held["currency"], self.terms.settles_in, datetime.fromtimestamp(self.now, UTC).date())
        made.update(refunded=0, final=final, settlement={**vars(settled), "fee": fee(settled.amount)}, **CARD)
        held["captured"] += amount
        if final:
            held.update(state="closed", final=True, released=open_amount - amount, wakes_at=None)
        self.ledger.put(held)
        if plan.dispute:
            made["wakes_at"] = self.now + self.terms.dispute_seconds
        self.ledger.put(made)
        self._enter("charge", made)
        self.tell("charge.captured", made)
        return made

    def void(self, account: str, id: str, metadata: Mapping[str, str]) -> Document:
        """Give back what is held and not taken."""
        held = self._of("authorization", account, id)
        if held["state"] not in ("authorized", "action_required"):
            raise Refused(409, held["state"], f"this authorisation is {held['state']}")
        if code := self._plan(held).declined("void"):
            raise Refused(402, "declined", "the void was refused", decline_code=code, soft=DECLINES[code], id=id)
        rest = held["amount"] - held["captured"]
        held.update(state="voided", released=rest, final=True, wakes_at=None)
        self.ledger.put(held)
        made = self._new("void", "vo", account, rest, held["currency"], metadata, parent=id, state="done")
        self.ledger.put(made)
        self.tell("authorization.voided", made)
        return made

    def refund(self, account: str, id: str, amount: int, metadata: Mapping[str, str]) -> Document:
        """Give back `amount` of a charge."""
        charge = self._of("charge", account, id)
        plan = self._plan(charge)
        rest = charge["amount"] - charge["refunded"]
        if amount > rest:
            raise Refused(409, "above_captured", f"{rest} can be refunded, not {amount}")
        if code := plan.declined("refund"):
            raise Refused(402, "declined", "the refund was refused", decline_code=code, soft=DECLINES[code], id=id)
        charge["refunded"] += amount
        self.ledger.put(charge)
        made = self._new("refund", "rf", account, amount, charge["currency"], metadata, parent=id, state="done")
        if plan.refund:
            state = "done" if plan.refund == "taken_back" else "pending"
            wakes_at = self.now + self.terms.pending_seconds
            made.update(state=state, wakes_at=wakes_at, fails=plan.refund != "pending")
        self.ledger.put(made)
        if made["state"] == "done":
            self._enter("refund", made)
        self.tell(f"refund.{made['state']}", made)
        return made

    def dispute(self, charge: Document) -> Document:
        """The payer takes a charge to the bank: the merchant gives the money up until it is decided."""
        charge["wakes_at"] = None
        charge["disputed"] = True
        self.ledger.put(charge)
        amount = charge["amount"] - charge["refunded"]
        metadata = charge["metadata"]
        made = self._new(
            "dispute",
            "dp",
            charge["account"],
            amount,
            charge["currency"],
            metadata,
            parent=charge["id"],
            state="opened",
        )
        plan = self._plan(charge)
        if plan.dispute in ("dispute_won", "dispute_lost"):
            made.update(wakes_at=self.now + self.terms.dispute_seconds, ends=plan.dispute.removeprefix("dispute_"))
        self.ledger.put(made)
        self._enter("dispute", made)
        self.tell("dispute.opened", made)
        return made

    def end_dispute(self, dispute: Document, state: str) -> Document:
        """The bank decides: `won` or `lost` by the merchant."""
        if dispute["state"] != "opened":
            raise Refused(409, dispute["state"], f"this dispute is {dispute['state']}")
        dispute.update(state=state, wakes_at=None)
        self.ledger.put(dispute)
        if state == "won":
            self._enter("dispute_won", dispute)
        self.tell(f"dispute.{state}", dispute)
        return dispute

    # Time

    def pass_time(self) -> None:
        """Do what is due: authorisations lapse, pending refunds end, disputes come and end."""
        for thing in self.ledger.awake(self.now):
            match thing["object"]:
                case "authorization":
                    self._lapse(thing)
                case "refund":
                    self._end_refund(thing)
                case "charge":
                    self.dispute(thing)
                case "dispute":
                    self.end_dispute(thing, thing["ends"])

    def _lapse(self, held: Document) -> None:
        held.update(state="expired", released=held["amount"] - held["captured"], final=True, wakes_at=None)
        self.ledger.put(held)
        self.tell("authorization.expired", held)

    def _end_refund(self, refund: Document) -> None:
        done = refund["state"] == "done"
        refund.update(state="failed" if refund["fails"] else "done", wakes_at=None)
        self.ledger.put(refund)
        if done:
            self._enter("refund_taken_back", refund)
        if refund["fails"]:
            charge = self._of("charge", refund["account"], refund["parent"])
            charge["refunded"] -= refund["amount"]
            self.ledger.put(charge)
        else:
            self._enter("refund", refund)
        self.tell(f"refund.{refund['state']}", refund)

    # Parts

    def tell(self, kind: str, about: Document) -> None:
        """Put a notice in the queue, as the token of the authorisation says that notices come."""
        how = self._plan(about).notices
        held = self._authorization_of(about)["id"]
        if how == "lost":
            return
        name = f"ev_{secrets.token_hex(12)}"
        document = {"id": name, "type": kind, "created": self.now, "data": about}
        waits = how == "out_of_order" and kind == "authorization.authorized"
        due = None if waits else self.now + (self.terms.late_seconds if how == "late" else 0)
        self.ledger.tell(name, held, document, due, 2 if how == "twice" else 1)
        if how == "out_of_order" and not waits:
            self.ledger.release(held, self.now + 1)

    def _new(
        self,
        kind: str,
        prefix: str,
        account: str,
        amount: int,
        currency: str,
        metadata: Mapping[str, str],
        **more: object,
    ) -> Document:
        return {
            "id": f"{prefix}_{secrets.token_hex(12)}",
            "object": kind,
            "account": account,
            "amount": amount,
            "currency": currency,
            "created": self.now,
            "metadata": dict(metadata),
            **more,
        }

    def _of(self, kind: str, account: str, id: str) -> Document:
        found = self.ledger.get(kind, id)
        if found is None or found["account"] != account:
            raise Refused(404, f"no_such_{kind}", f"no {kind} is called {id}")
        return found

    def _held(self, account: str, id: str) -> Document:
        held = self._of("authorization", account, id)
        if held["state"] != "authorized":
            raise Refused(409, held["state"], f"this authorisation is {held['state']}")
        return held

    def _authorization_of(self, made: Document) -> Document:
        while made["object"] != "authorization":
            above = "charge" if made["object"] in ("refund", "dispute") else "authorization"
            found = self.ledger.get(above, made["parent"])
            assert found is not None, "what was made of a thing is kept as long as the thing"
            made = found
        return made

    def _plan(self, made: Document) -> Plan:
        return plan_of(self._authorization_of(made)["token"]) or Plan()

    def _enter(self, kind: str, made: Document) -> None:
        """Post it to the account: what it is in the account's currency, the fee, and what remains."""
        signs = {"authorization": 0, "charge": 1, "refund": -1, "refund_taken_back": 1, "dispute": -1, "dispute_won": 1}
        day = datetime.fromtimestamp(self.now, UTC).date()
        settled = settle(made["amount"], made["currency"], self.terms.settles_in, day)
        kept = fee(settled.amount) if kind == "charge" else 0
        entry = {
            "id": made["id"],
            "charge": made.get("parent") if made["object"] == "dispute" else None,
            "type": kind,
            "created": self.now,
            "state": made["state"],
            "order_id": made["metadata"].get("order_id"),
            "tenant": made["metadata"].get("tenant"),
            "authorization": made["metadata"].get("authorization"),
            "key": made["metadata"].get("key"),
            "amount": made["amount"],
            "currency": made["currency"],
            "settled": signs[kind] * settled.amount,
            "settled_currency": settled.currency,
            "rate": settled.rate,
            "rate_source": settled.source,
            "fee": kept,
        }
        self.ledger.enter(made["account"], day.isoformat(), kind, entry)
