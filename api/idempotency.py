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

from django.conf import settings
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

    Only an answer below 400 is kept, and its effect with it: the cause of a refusal may be mended. Where the view says
    `made_can_be_deleted` and its queryset has no row of the kept answer's `id` any more, a resend gets 410 instead of
    that answer: a secret of what was made must not be shown once it is deleted.
    """

    @wraps(method)
    def keyed(view: Any, request: Request, *args: Any, **kwargs: Any) -> HttpResponseBase:
        key = key_of(request)
        if key is None:
            return method(view, request, *args, **kwargs)
        claim = Claim(_owner(request), _operation(request), key, payload_hashes(request))
        exists = _looks_for_made(view) if getattr(view, "made_can_be_deleted", False) else None
        return once(claim, lambda: method(view, request, *args, **kwargs), exists=exists)

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


def _looks_for_made(view: Any) -> Callable[[str], bool]:
    return lambda made_id: bool(view.get_queryset().filter(pk=made_id).exists())


def key_of(request: HttpRequest | Request) -> str | None:
    """Return the request's Idempotency-Key, None where it has none. Raises Refused for one that is not sane."""
    key = request.headers.get("Idempotency-Key")
    if key is not None and not SANE_KEY.fullmatch(key):
        raise Refused("Idempotency-Key: 1 to 255 visible ASCII characters.")
    return key


def once(
    claim: "Claim", make_answer: Callable[[], Answer], *, exists: Callable[[str], bool] | None = None
) -> Answer | HttpResponse:
    """Return the answer that the claim's key already has, else the one made now, kept with its effect.

    Raises Refused (410) where `exists` says that what the kept answer made is deleted.
    """
    with transaction.atomic():
        kept = claim.take()
        if kept is not None:
            return _replayed(kept, exists)
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
    """One request's hold on its key: client, operation, key and the fingerprints of its payload."""

    owner: str
    operation: str
    key: str
    request_hashes: tuple[str, ...]

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
        if kept.request_hash not in self.request_hashes:
            raise Refused("This Idempotency-Key was used for a different request.", status=422)
        return kept

    def keep(self, answer: HttpResponseBase) -> None:
        """Store `answer` in the present transaction; sealed, for it may hold a secret that is shown once."""
        body = JSONRenderer().render(answer.data) if isinstance(answer, Response) else answer.content  # type: ignore[attr-defined]  # an answer of ours is never streamed
        IdempotencyKey.objects.create(
            owner=self.owner,
            operation=self.operation,
            key=self.key,
            request_hash=self.request_hashes[0],
            status=answer.status_code,
            body=sealing.seal(body.decode()),
            location=answer.headers.get("Location", ""),
            created_at=timezone.now(),
        )

    def _lock_number(self) -> int:
        name = json.dumps([self.owner, self.operation, self.key]).encode()
        return int.from_bytes(hashlib.sha256(name).digest()[:8], "big", signed=True)


def payload_hashes(request: Request) -> tuple[str, ...]:
    """Return the fingerprints of what was sent: equal for a resend, whatever its boundary or order of fields.

    Keyed with SECRET_KEY, for a payload may hold a password and the fingerprint is stored. Of a file count name,
    length and contents, of a long one the first and last MiB: reading 4 GiB twice would double the upload's cost.
    """
    return fingerprints(_canonical(request))


def fingerprints(payload: str) -> tuple[str, ...]:
    """Return the keyed fingerprints of a payload: first that of SECRET_KEY, then those of its fallbacks."""
    keys = (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)
    return tuple(
        salted_hmac("api.idempotency", payload, secret=key, algorithm="sha256").hexdigest() for key in keys
    )


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


def _replayed(kept: IdempotencyKey, exists: Callable[[str], bool] | None) -> HttpResponse:
    # Not Unreadable: under another SECRET_KEY the payload's fingerprint is another one, which was refused before.
    body = sealing.unseal(kept.body)
    if exists is not None and not exists(json.loads(body)["id"]):
        raise Refused(
            "The resource that the first request with this Idempotency-Key created was deleted.", status=410
        )
    answer = HttpResponse(body, status=kept.status, content_type="application/json")
    answer.headers[REPLAYED] = "true"
    if kept.location:
        answer.headers["Location"] = kept.location
    return answer
