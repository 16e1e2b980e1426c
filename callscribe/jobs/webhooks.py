"""Tells webhooks that calls are processed, signed by the Standard Webhooks scheme (standardwebhooks.com, version 1)."""

import base64
import hashlib
import hmac
import http.client
import threading
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import IO, Protocol
from uuid import UUID

import structlog

from callscribe.config.webhooks import WebhookSettings
from callscribe.domain import trace
from callscribe.domain.errors import CallNotFound, StorageError
from callscribe.domain.scores import Evaluation
from callscribe.events.board import ENGINE_MARK
from callscribe.jobs.processed import notice_json
from storage.records import CallRecord
from storage.webhooks import Delivery, Hold

log = structlog.get_logger()

POLL_S = 1.0
FAILED_S = 10.0
LEASE_S = 300.0
"""How long a claimed delivery is left alone by other workers: longer than a receiver may take."""


class Deliveries(Protocol):
    """What is to be sent (storage.webhooks.WebhookStore)."""

    def claim(self, hook: str, address: str, lease_s: float) -> Delivery | None: ...
    def note_sent(self, delivery_id: int) -> None: ...
    def note_failed(
        self, delivery_id: int, sentence: str, *, hopeless: bool = False, hold: Hold | None = None
    ) -> bool: ...


class Calls(Protocol):
    """What is known of calls (storage.reader.CallReader)."""

    def call(self, key: UUID | str) -> CallRecord: ...


class Evaluations(Protocol):
    """What was found in calls (storage.scorecards.ScorecardStore)."""

    def evaluation(self, call_id: UUID) -> Evaluation | None: ...


class NotDelivered(Exception):
    """The receiver did not take it; the message is a sentence that names nothing but statuses and kinds of errors."""

    def __init__(self, sentence: str, *, gone: bool = False, wait_s: float | None = None) -> None:
        """`gone`: it wants no more; `wait_s`: how long it wants nothing, None where it did not say."""
        super().__init__(sentence)
        self.gone = gone
        self.wait_s = wait_s

    def hold(self, address: str) -> Hold | None:
        """What it asked for."""
        return Hold(address, None if self.gone else self.wait_s) if self.gone or self.wait_s is not None else None


class WebhookSender:
    """Serves one webhook, in a thread of its own: a receiver that hangs delays no other. Any number of senders may run
    over one database. A receiver may get a delivery twice, with the same `webhook-id`, where a worker was lost."""

    def __init__(self, hook: WebhookSettings, deliveries: Deliveries, calls: Calls, evaluations: Evaluations) -> None:
        self._hook = hook
        self._address = hashlib.sha256(hook.url.encode()).hexdigest()
        self._deliveries = deliveries
        self._calls = calls
        self._evaluations = evaluations
        self._counts: Counter[str] = Counter()

    def run(self, stop: threading.Event) -> None:
        """Send what is due until `stop` is set, over outages of the database."""
        while not stop.is_set():
            try:
                pause_s = 0.0 if self.send_next() else POLL_S
            except StorageError as error:
                log.warning("webhooks_wait_for_database", webhook=self._hook.name, reason=str(error))
                pause_s = FAILED_S
            stop.wait(pause_s)

    def send_next(self) -> bool:
        """Attempt the next delivery; False where none is due. Raises StorageError."""
        delivery = self._deliveries.claim(self._hook.name, self._address, LEASE_S)
        if delivery is None:
            return False
        try:
            record = self._calls.call(delivery.call_id)
        except CallNotFound:
            # It was erased meanwhile, and the delivery with it.
            return True
        found = self._evaluations.evaluation(delivery.call_id)
        body = notice_json(record, found, delivery.processing, delivery.created_at)
        began_ns = time.time_ns()
        try:
            post(self._hook, f"{delivery.call_id}-{delivery.id}", body)
        except NotDelivered as error:
            self._note_failed(delivery, error)
            trace.record(delivery.call_id, "webhook", began_ns, webhook=self._hook.name, sent=False)
        else:
            self._deliveries.note_sent(delivery.id)
            self._counts["sent"] += 1
            trace.record(delivery.call_id, "webhook", began_ns, webhook=self._hook.name, sent=True)
        return True

    def _note_failed(self, delivery: Delivery, error: NotDelivered) -> None:
        hold = error.hold(self._address)
        again = self._deliveries.note_failed(delivery.id, str(error), hopeless=error.gone, hold=hold)
        self._counts["failed" if again else "dead"] += 1
        log.warning("webhook_failed", webhook=self._hook.name, delivery=delivery.id, again=again, reason=str(error))
        if error.gone:
            log.error("webhook_stopped", webhook=self._hook.name, cure="POST /api/v1/webhooks/NAME/resume")

    def counters(self) -> Mapping[str, int]:
        """Since start: deliveries that were sent, attempts that failed and come again, deliveries given up."""
        names = ("sent", "failed", "dead")
        return {f"webhooks_{name}{ENGINE_MARK}{self._hook.name}": self._counts[name] for name in names}


def sign(keys: Iterable[bytes], message_id: str, timestamp: int, body: bytes) -> str:
    """The value of `webhook-signature`: one of each key. `timestamp`: seconds since 1970."""
    signed = f"{message_id}.{timestamp}.".encode() + body
    digests = (hmac.new(key, signed, hashlib.sha256).digest() for key in keys)
    return " ".join(f"v1,{base64.b64encode(digest).decode()}" for digest in digests)


def post(hook: WebhookSettings, message_id: str, body: bytes) -> None:
    """POST the JSON. Certificates are verified, the answer's body is not read. Raises NotDelivered."""
    timestamp = int(time.time())
    headers = {
        "content-type": "application/json",
        "user-agent": "callscribe",
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": sign(hook.keys, message_id, timestamp, body),
    }
    request = urllib.request.Request(hook.url, body, headers, method="POST")
    try:
        with _OPENER.open(request, timeout=hook.timeout_s):
            pass
    except urllib.error.HTTPError as error:
        error.close()
        raise NotDelivered(
            f"The receiver answered with status {error.code}.",
            gone=error.code == HTTPStatus.GONE,
            wait_s=retry_after_s(error.headers.get("retry-after", ""), datetime.now(UTC)),
        ) from error
    except urllib.error.URLError as error:
        raise NotDelivered(f"The receiver could not be reached: {_kind(error.reason)}.") from error
    except (OSError, http.client.HTTPException) as error:
        raise NotDelivered(f"The receiver did not answer: {_kind(error)}.") from error


def retry_after_s(told: str, now: datetime) -> float | None:
    """Seconds from `now` (aware UTC) to what a `Retry-After` tells (RFC 9110 section 10.2.3); None for what is none."""
    if told.isascii() and told.isdigit():
        return float(told)
    try:
        then = parsedate_to_datetime(told)
    except (ValueError, OverflowError):
        return None
    # A zone of "-0000" is UTC too, and is read as none.
    return max(0.0, ((then if then.tzinfo else then.replace(tzinfo=UTC)) - now).total_seconds())


def _kind(error: str | BaseException) -> str:
    """What went wrong, without what the other side sent."""
    if isinstance(error, TimeoutError):
        return "it took too long"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return type(error).__name__


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirect is a failure: only addresses of the settings are called."""

    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: http.client.HTTPMessage,
        newurl: str,
    ) -> None:
        return None


_OPENER = urllib.request.build_opener(_NoRedirect)
