"""Sends notices, signed, until they are taken: `t=<seconds>,v1=<HMAC-SHA256 over "<seconds>.<body>">`, over raw bytes."""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
import time

import httpx

from deploy.sandbox.ledger import Document, Ledger

__all__ = ["SIGNATURE_HEADER", "Notices", "signature"]

SIGNATURE_HEADER = "Sandbox-Signature"
ATTEMPTS_MAX = 12
WAIT_SECONDS_MAX = 60
BATCH_MAX = 20
ANSWER_SECONDS = 5.0

log = logging.getLogger("sandbox")


def signature(body: bytes, secret: str, seconds: int) -> str:
    """What the header says: when it was signed, and the proof."""
    proof = hmac.new(secret.encode(), f"{seconds}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={seconds},v1={proof}"


class Notices:
    """Sends to one address; with none, notices stay in the ledger."""

    def __init__(self, ledger: Ledger, address: str | None, secret: str) -> None:
        self._ledger, self._address, self._secret = ledger, address, secret
        self._client = httpx.AsyncClient(timeout=ANSWER_SECONDS, trust_env=False)

    async def close(self) -> None:
        """Leave the network."""
        await self._client.aclose()

    async def send_due(self, now: int) -> int:
        """Send what is due at the provider's time `now`; how many went well."""
        if self._address is None:
            return 0
        due, well = self._ledger.due_notices(now, BATCH_MAX), 0
        for number, document, attempts in due:
            if await self._send(self._address, document):
                self._ledger.sent(number)
                well += 1
            else:
                again = None if attempts + 1 >= ATTEMPTS_MAX else now + min(2**attempts, WAIT_SECONDS_MAX)
                self._ledger.not_sent(number, again)
        return well

    async def _send(self, address: str, document: Document) -> bool:
        body = json.dumps(document).encode()
        # The time of the signature is the world's: who checks it knows nothing of the provider's own.
        signed = signature(body, self._secret, int(time.time()))
        headers = {"Content-Type": "application/json", SIGNATURE_HEADER: signed}
        try:
            answer = await self._client.post(address, content=body, headers=headers)
        except httpx.HTTPError as error:
            log.warning("notice %s was not taken: %s", document["id"], type(error).__name__)
            return False
        if not answer.is_success:
            log.warning("notice %s was answered %s", document["id"], answer.status_code)
        return answer.is_success
