"""Whatever may be used once, or up to a limit, is raced for by thirty threads on real connections."""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.http import HttpResponse
from django.test import RequestFactory
from django.utils import timezone
from knox.models import AuthToken

from accounts import queries
from accounts.account_deletion import deletion
from accounts.account_deletion.models import Deletion
from accounts.errors import BadToken, TooManyFailures, TooManyWebhooks, WrongCredentials, WrongPassword
from accounts.exports import export
from accounts.exports.models import Export, ExportState
from accounts.logins import login
from accounts.mail import mailed_tokens
from accounts.mail.models import MailedToken, TokenPurpose
from accounts.models import Project, User
from accounts.passwords import password_reset
from accounts.push import push_notifications
from accounts.push.models import PushSubscription
from accounts.signup import registration
from accounts.webhooks import webhook_events
from accounts.webhooks.models import Webhook, WebhookEvent
from api.errors import Conflict
from api.idempotency import Claim, once
from celery_ledger import control
from celery_ledger.models import Job
from celery_ledger.states import JobState
from media_pipeline import queries as media
from media_pipeline.models import Upload, Video, VideoState
from tests.racing import race, race_many
from tests.rows import a_job

THREADS = 30
OWNERS = "the owner's own passphrase"
ATTACKERS = "the attacker's own passphrase"
P256DH = "BNcRdreALRFXTkOOUHK1EtK2wtaz5Ry4YfYCA_0QTpQtUbVlUls0VJXg7A8u-Ts1XbjhazAkj7I99e8QcYP7DkM"
AUTH = "tBHItJI5svbpez7KI4CCXg"

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def no_limit_by_client(settings):
    settings.THROTTLES = {}


@pytest.fixture
def user():
    return User.objects.create_user("ada@example.org", OWNERS, verified_at=timezone.now())


def request_from(client):
    return RequestFactory().post("/", REMOTE_ADDR=client)


def successes(results):
    return [result for result in results if not isinstance(result, Exception)]


def test_a_reset_token_sets_one_password(user):
    token = mailed_tokens.issue(user, TokenPurpose.RESET, timezone.now())
    hashes = [f"hash {number}" for number in range(THREADS)]

    def confirm(hashed):
        password_reset.confirm(token, hashed, timezone.now())
        return hashed

    results = race(*[lambda hashed=hashed: confirm(hashed) for hashed in hashes], refusals=(BadToken,))

    (winner,) = successes(results)
    user.refresh_from_db()
    assert user.password == winner


def test_of_many_reset_tokens_of_one_user_one_is_used(user):
    issued = [mailed_tokens.issue(user, TokenPurpose.RESET, timezone.now()) for _ in range(THREADS)]

    results = race(
        *[lambda token=token: password_reset.confirm(token, "hash", timezone.now()) for token in issued],
        refusals=(BadToken,),
    )

    assert len(successes(results)) == 1


def test_a_verification_token_is_used_once(user):
    User.objects.update(verified_at=None)
    token = mailed_tokens.issue(user, TokenPurpose.VERIFY, timezone.now())

    results = race_many(THREADS, lambda: registration.verify(token, timezone.now()), refusals=(BadToken,))

    assert len(successes(results)) == 1
    assert MailedToken.objects.get().used_at


def test_a_link_raced_by_a_sign_up_never_verifies_the_other_password():
    for number in range(8):
        address = f"ada-{number}@example.org"
        registration.sign_up(address, OWNERS, "")
        user = User.objects.get(email=address)
        owners = mailed_tokens.issue(user, TokenPurpose.VERIFY, timezone.now())

        attack = [lambda address=address: registration.sign_up(address, ATTACKERS, "")] * 3
        click = [lambda owners=owners: registration.verify(owners, timezone.now())] * 3
        race(*attack, *click, *attack, refusals=(BadToken,))

        user.refresh_from_db()
        assert user.is_verified == user.check_password(OWNERS)


def test_guesses_of_one_client_end_at_its_limit(user, settings):
    settings.PASSWORD_HASHES_AT_ONCE = THREADS
    request = request_from("192.0.2.1")

    results = race_many(
        THREADS,
        lambda: login.log_in(request, user.email, "wrong"),
        refusals=(WrongCredentials, TooManyFailures),
    )

    assert sum(isinstance(result, WrongCredentials) for result in results) == settings.LOGIN_MAX_FAILURES


def test_guesses_of_many_clients_end_at_the_budget_of_the_account(user, settings):
    settings.PASSWORD_HASHES_AT_ONCE = THREADS
    settings.LOGIN_MAX_FAILURES_PER_ACCOUNT = 7

    def guess(number):
        if number % 2:
            login.prove_password(request_from(f"192.0.2.{number}"), user, "wrong")
        login.log_in(request_from(f"192.0.2.{number}"), user.email, "wrong")

    results = race(
        *[lambda number=number: guess(number) for number in range(THREADS)],
        refusals=(WrongCredentials, WrongPassword, TooManyFailures),
    )

    tried = [result for result in results if not isinstance(result, TooManyFailures)]
    assert len(tried) == 7


def test_right_passwords_at_once_all_log_in(user):
    results = race_many(THREADS, lambda: login.log_in(request_from("192.0.2.1"), user.email, OWNERS))

    assert len(results) == AuthToken.objects.count() == THREADS


def test_an_idempotency_key_has_one_effect(user):
    def answer():
        Project.objects.create(owner=user, name="one")
        return HttpResponse(b"{}", status=201)

    claim = Claim(f"user:{user.pk}", "POST /x", "key", "hash")
    results = race_many(THREADS, lambda: once(claim, answer), refusals=(Conflict,))

    assert Project.objects.count() == 1
    assert {result.status_code for result in successes(results)} == {201}


def test_one_export_runs_and_it_ends_once(user):
    asked = race_many(THREADS, lambda: export.request_export(user).pk)
    (export_id,) = set(asked)

    def finish():
        now = timezone.now()
        return queries.unfinished_export(export_id).update(state=ExportState.READY, finished_at=now)

    assert sum(race_many(THREADS, finish)) == 1
    assert Export.objects.count() == 1


def test_one_deletion_begins_and_it_ends_once(user, settings):
    settings.LOGIN_MAX_FAILURES = THREADS
    settings.LOGIN_MAX_FAILURES_PER_ACCOUNT = THREADS

    def begin():
        mine = User.objects.filter(pk=user.pk, is_active=True).first()
        return mine and deletion.request_deletion(None, mine, OWNERS).pk

    begun = set(race_many(THREADS, begin, refusals=(WrongPassword,)))
    (deletion_id,) = [found for found in begun if found and not isinstance(found, Exception)]
    race_many(THREADS, lambda: deletion.finish(str(deletion_id), timezone.now()))

    assert Deletion.objects.count() == 1
    assert not User.objects.exists()


def test_a_user_has_no_more_webhooks_and_browsers_than_allowed(user, settings):
    settings.WEBHOOKS_PER_USER = 5

    race_many(
        THREADS,
        lambda: webhook_events.add(user, "https://example.org/", [WebhookEvent.VIDEO_READY]),
        refusals=(TooManyWebhooks,),
    )
    race_many(
        THREADS,
        lambda: push_notifications.subscribe(user, f"https://push.example.org/{uuid4()}", P256DH, AUTH),
    )

    assert Webhook.objects.count() == 5
    assert PushSubscription.objects.count() == push_notifications.MAX_BROWSERS


def test_an_upload_moves_on_once_and_is_used_or_removed_once(user):
    now = timezone.now()
    later = now + timedelta(hours=1)
    upload = Upload.objects.create(owner=user, length_bytes=8, expires_at=later)

    assert sum(race_many(THREADS, lambda: media.advance(upload.pk, 0, 8, later))) == 1

    ended = race(
        *[lambda: media.use(upload.pk, now)] * (THREADS // 2),
        *[lambda: media.unused_upload(upload.pk).delete()[0] == 1] * (THREADS // 2),
    )
    assert sum(ended) == 1


def test_a_video_is_cancelled_once(user):
    video = media.add_video(Video(owner=user, title="", source="x", source_bytes=1, root_job=uuid4()))
    now = timezone.now()

    moved = race_many(THREADS, lambda: media.move(video.pk, VideoState.CANCELLED, finished_at=now))

    assert sum(moved) == 1


def test_a_dead_job_is_queued_again_once():
    job = a_job(JobState.DEAD, name="accounts.send_reset")

    assert sum(race_many(THREADS, lambda: control.retry(job.pk))) == 1
    Job.objects.all().delete()
