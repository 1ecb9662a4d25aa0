"""Idempotency-Key: the same key, the same answer, one effect.

The answer is written in the transaction of the effect, so neither exists without the other. After the IETF draft
"The Idempotency-Key HTTP Header Field": another payload under a used key is 422, one still running is 409.
"""

import hashlib
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import wraps
from http import HTTPStatus
from typing import Any, Concatenate, TypeVar

from django.core.files.uploadedfile import UploadedFile
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.utils import timezone
from django.utils.crypto import salted_hmac
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from api import queries, sealing
from api.errors import Conflict, Refused
from api.models import IdempotencyKey
from api.throttle import client_address

KEPT_FOR = timedelta(hours=24)
SANE_KEY = re.compile(r"[\x21-\x7e]{1,255}")
HASHED_PIECE_BYTES = 1 << 20
REPLAYED = "Idempotent-Replayed"

Answer = TypeVar("Answer", bound=HttpResponseBase)
type_of_view = Callable[Concatenate[Any, Request, ...], HttpResponseBase]


def idempotent(method: type_of_view) -> type_of_view:
    """Return the view method `method` with Idempotency-Key understood; without the header it is as before.

    Only an answer below 400 is kept, and its effect with it: the cause of a refusal may be mended.
    """

    @wraps(method)
    def keyed(view: Any, request: Request, *args: Any, **kwargs: Any) -> HttpResponseBase:
        key = key_of(request)
        if key is None:
            return method(view, request, *args, **kwargs)
        claim = Claim(_owner(request), _operation(request), key, payload_hash(request))
        return once(claim, lambda: method(view, request, *args, **kwargs))

    keyed.is_idempotent = True  # type: ignore[attr-defined]  # read by config.openapi, which documents the header
    return keyed


def idempotent_after(prepare: Callable[[Any, Request], Any]) -> Callable[[type_of_view], type_of_view]:
    """Return a decorator as `idempotent`, for a method that is also given what `prepare(view, request)` returned.

    That runs before the key's transaction begins, at each resend as well: for what has no effect and takes long, such
    as the hash of a password.
    """

    def decorated(method: type_of_view) -> type_of_view:
        keyed = idempotent(method)

        @wraps(keyed)
        def prepared(view: Any, request: Request, *args: Any, **kwargs: Any) -> HttpResponseBase:
            return keyed(view, request, prepare(view, request), *args, **kwargs)

        return prepared

    return decorated


def key_of(request: HttpRequest | Request) -> str | None:
    """Return the request's Idempotency-Key, None where it has none. Raises Refused for one that is not sane."""
    key = request.headers.get("Idempotency-Key")
    if key is not None and not SANE_KEY.fullmatch(key):
        raise Refused("Idempotency-Key: 1 to 255 visible ASCII characters.")
    return key


def once(claim: "Claim", make_answer: Callable[[], Answer]) -> Answer | HttpResponse:
    """Return the answer that the claim's key already has, else the one made now, kept with its effect."""
    with transaction.atomic():
        kept = claim.take()
        if kept is not None:
            return _replayed(kept)
        answer = make_answer()
        if answer.status_code < HTTPStatus.BAD_REQUEST:
            claim.keep(answer)
        else:
            transaction.set_rollback(True)  # it will be tried again: half an effect now would be one too many
        return answer


def forget_expired(now: datetime) -> int:
    """Delete the answers that are older than 24 hours and return how many. Twice: the second call finds none."""
    return queries.answers_before(now - KEPT_FOR).delete()[0]


@dataclass(frozen=True, slots=True)
class Claim:
    """One request's hold on its key: asker, operation, key and payload."""

    owner: str
    operation: str
    key: str
    request_hash: str

    def take(self) -> IdempotencyKey | None:
        """Lock the key until the transaction ends and return the answer it already has.

        Raises Conflict while another request holds it, Refused (422) where it was used for another payload.
        """
        if not queries.try_lock(self._lock_number()):
            raise Conflict("A request with this Idempotency-Key is still running.")
        kept = queries.answers_of(self.owner, self.operation, self.key).first()
        if kept is None:
            return None
        if kept.created_at < timezone.now() - KEPT_FOR:
            kept.delete()
            return None
        if kept.request_hash != self.request_hash:
            raise Refused("This Idempotency-Key was used for a different request.", status=422)
        return kept

    def keep(self, answer: HttpResponseBase) -> None:
        """Store `answer` in the present transaction; sealed, for it may hold a secret that is shown once."""
        body = JSONRenderer().render(answer.data) if isinstance(answer, Response) else answer.content  # type: ignore[attr-defined]  # an answer of ours is never streamed
        IdempotencyKey.objects.create(
            owner=self.owner,
            operation=self.operation,
            key=self.key,
            request_hash=self.request_hash,
            status=answer.status_code,
            body=sealing.seal(body.decode()),
            location=answer.headers.get("Location", ""),
            created_at=timezone.now(),
        )

    def _lock_number(self) -> int:
        name = json.dumps([self.owner, self.operation, self.key]).encode()
        return int.from_bytes(hashlib.sha256(name).digest()[:8], "big", signed=True)


def payload_hash(request: Request) -> str:
    """Return a fingerprint of what was sent: equal for a resend, whatever its boundary or order of fields.

    Keyed with SECRET_KEY, for a payload may hold a password and the fingerprint is stored. Of a file count name,
    length and contents, of a long one the first and last MiB: reading 4 GiB twice would double the upload's cost.
    """
    return fingerprint(_canonical(request))


def fingerprint(payload: str) -> str:
    """Return the keyed fingerprint of a payload."""
    return salted_hmac("api.idempotency", payload, algorithm="sha256").hexdigest()


def owned_by(user_id: object) -> str:
    """Return how the answers of that user are marked."""
    return f"user:{user_id}"


def _canonical(request: Request) -> str:
    sent = request.data
    if not hasattr(sent, "lists"):
        return json.dumps(sent, sort_keys=True)
    fields = {
        name: [_file_facts(each) if isinstance(each, UploadedFile) else each for each in values]
        for name, values in sent.lists()
    }
    return json.dumps(fields, sort_keys=True)


def _file_facts(file: UploadedFile[Any]) -> list[Any]:
    size = file.size or 0
    digest = hashlib.sha256()
    file.seek(0)
    digest.update(file.read(HASHED_PIECE_BYTES))
    if size > HASHED_PIECE_BYTES:
        file.seek(max(HASHED_PIECE_BYTES, size - HASHED_PIECE_BYTES))
        digest.update(file.read(HASHED_PIECE_BYTES))
    file.seek(0)
    return [file.name, size, digest.hexdigest()]


def _owner(request: Request) -> str:
    # Not logged in (sign-up): the address keeps two strangers with the key "1" apart.
    user = request.user
    if user is not None and user.is_authenticated:
        return owned_by(user.pk)
    return f"address:{client_address(request)}"


def _operation(request: Request) -> str:
    return f"{request.method} {request.path.rstrip('/')}"


def _replayed(kept: IdempotencyKey) -> HttpResponse:
    # Not Unreadable: under another SECRET_KEY the payload's fingerprint is another one, which was refused before.
    answer = HttpResponse(sealing.unseal(kept.body), status=kept.status, content_type="application/json")
    answer.headers[REPLAYED] = "true"
    if kept.location:
        answer.headers["Location"] = kept.location
    return answer
