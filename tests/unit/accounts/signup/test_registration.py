import re
from datetime import timedelta
from threading import Barrier, Thread
from uuid import uuid4

import pytest
from django.core.exceptions import ValidationError
from django.db import connection, connections
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.errors import BadToken
from accounts.mail import mailed_tokens
from accounts.mail.models import MailedToken, TokenPurpose
from accounts.models import User
from accounts.passwords import password_reset
from accounts.signup import registration
from celery_ledger.errors import Transient
from celery_ledger.models import Job
from tests.unit.accounts.conftest import PASSWORD, text_of, token_in

ADDRESS = "ada@example.org"


@pytest.mark.django_db
def test_signing_up_makes_an_unverified_user_and_asks_for_the_mail(asked_for):
    registration.sign_up(ADDRESS, PASSWORD, "Ada")

    user = User.objects.get(email=ADDRESS)
    assert user.name == "Ada"
    assert user.check_password(PASSWORD)
    assert not user.is_verified
    assert asked_for("accounts.send_verification") == [[str(user.pk)]]


@pytest.mark.django_db(transaction=True)
def test_where_the_job_cannot_be_written_there_is_no_user_either(django_user_model):
    with connection.cursor() as cursor:
        cursor.execute("alter table celery_ledger_job add constraint refuse_all check (name = '') not valid")
    try:
        with pytest.raises(Exception, match="refuse_all"):
            registration.sign_up(ADDRESS, PASSWORD, "")
    finally:
        with connection.cursor() as cursor:
            cursor.execute("alter table celery_ledger_job drop constraint refuse_all")

    assert not django_user_model.objects.exists()


def test_a_taken_address_keeps_its_owner_and_asks_to_warn_them(a_user, asked_for):
    owner = a_user("Ada@Example.org", name="Ada")

    registration.sign_up("aDA@example.ORG", "another long passphrase", "Mallory")

    owner.refresh_from_db()
    assert User.objects.count() == 1
    assert owner.name == "Ada"
    assert owner.check_password(PASSWORD)
    assert asked_for("accounts.warn_owner") == [[str(owner.pk)]]
    assert asked_for("accounts.send_verification") == []


def test_an_unverified_owner_gets_a_fresh_verification_mail(a_user, asked_for):
    owner = a_user(ADDRESS, verified=False)

    registration.sign_up(ADDRESS, PASSWORD, "")

    assert asked_for("accounts.send_verification") == [[str(owner.pk)]]


def test_who_signed_up_with_a_foreign_address_first_is_locked_out_by_its_owners_sign_up(a_user):
    squatter = a_user(ADDRESS, verified=False)

    registration.sign_up(ADDRESS, "the owner's own passphrase", "Ada")

    squatter.refresh_from_db()
    assert squatter.check_password("the owner's own passphrase")
    assert not squatter.check_password(PASSWORD)


def test_a_taken_address_costs_the_same_statements_as_a_new_one(a_user):
    a_user(ADDRESS)

    with CaptureQueriesContext(connection) as for_taken:
        registration.sign_up(ADDRESS, PASSWORD, "")
    with CaptureQueriesContext(connection) as for_new:
        registration.sign_up("new@example.org", PASSWORD, "")

    def shapes(captured):
        return [re.split(r'\(| WHERE| "s\d', query["sql"])[0] for query in captured]

    assert shapes(for_taken) == shapes(for_new)


def test_a_taken_address_costs_a_hash_as_a_new_one_does(a_user, settings):
    a_user(ADDRESS)
    settings.PASSWORD_HASHERS = ["no.such.Hasher"]

    with pytest.raises(ImportError):
        registration.sign_up(ADDRESS, PASSWORD, "")


@pytest.mark.django_db
@pytest.mark.parametrize("password", ["short", "password123", "19850712345", "ada.lovelace@example.org"])
def test_a_weak_password_is_refused_with_its_reasons(password):
    with pytest.raises(ValidationError) as refusal:
        registration.sign_up("ada.lovelace@example.org", password, "")

    assert refusal.value.message_dict["password"]
    assert not User.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_an_address_that_is_freed_while_it_is_asked_for_gets_its_user(a_user):
    leaver = a_user(ADDRESS)

    def leave():
        leaver.save(update_fields=["email"])
        connections.close_all()

    def free_it(execute, sql, params, many, context):
        result = execute(sql, params, many, context)
        if sql.startswith('INSERT INTO "accounts_user"') and leaver.email == ADDRESS:
            leaver.email = "gone@deleted.invalid"
            thread = Thread(target=leave)
            thread.start()
            thread.join()
        return result

    with connection.execute_wrapper(free_it):
        registration.sign_up(ADDRESS, PASSWORD, "")

    assert User.objects.get(email=ADDRESS).pk != leaver.pk


@pytest.mark.django_db(transaction=True)
def test_of_eight_sign_ups_at_once_one_makes_the_user_and_all_succeed(asked_for):
    start = Barrier(8)
    failures = []

    def try_it(number):
        start.wait()
        try:
            registration.sign_up(ADDRESS.upper() if number % 2 else ADDRESS, PASSWORD, "")
        except Exception as error:  # noqa: BLE001 - whatever it is, the test shows it
            failures.append(error)
        finally:
            connections.close_all()

    threads = [Thread(target=try_it, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert failures == []
    user = User.objects.get()
    assert asked_for("accounts.send_verification") == [[str(user.pk)]] * 8


def test_the_mailed_token_proves_the_address(a_user, mail_server):
    server = mail_server()
    user = a_user(verified=False)
    now = timezone.now()

    registration.send_verification(str(user.pk))
    registration.verify(token_in(server.messages[0]), now)

    user.refresh_from_db()
    assert user.verified_at == now


def test_the_token_is_stored_as_its_digest_only(a_user, mail_server):
    server = mail_server()

    registration.send_verification(str(a_user(verified=False).pk))

    token = token_in(server.messages[0])
    row = MailedToken.objects.values().get()
    assert token not in str(row)
    assert len(token) >= 43


def test_sending_the_verification_twice_gives_two_links_that_both_work(a_user, mail_server):
    server = mail_server()
    first, second = a_user("one@example.org", verified=False), a_user("two@example.org", verified=False)
    for user in (first, second):
        registration.send_verification(str(user.pk))
        registration.send_verification(str(user.pk))
    older, _, _, newer = [token_in(message) for message in server.messages]

    registration.verify(older, timezone.now())
    registration.verify(newer, timezone.now())

    assert User.objects.filter(verified_at=None).count() == 0


OWNERS = "the owner's own passphrase"
ATTACKERS = "the attacker's own passphrase"


def sent_by_sign_up(server, jobs, password):
    """Sign up, run the job of the sign-up, and return the token of its mail."""
    registration.sign_up(ADDRESS, password, "")
    run_job(jobs()[-1])
    return token_in(server.messages[-1])


def run_job(job):
    registration.send_verification(*job["args"], **job["kwargs"])


@pytest.fixture
def jobs(db):
    def look():
        return list(
            Job.objects.filter(name="accounts.send_verification").order_by("seq").values("args", "kwargs")
        )

    return look


def test_a_link_does_not_verify_the_password_of_a_later_sign_up(jobs, mail_server):
    server = mail_server()
    owners = sent_by_sign_up(server, jobs, OWNERS)
    registration.sign_up(ADDRESS, ATTACKERS, "")

    with pytest.raises(BadToken):
        registration.verify(owners, timezone.now())

    assert not User.objects.get().is_verified


def test_the_newest_link_verifies_the_password_of_its_sign_up(jobs, mail_server):
    server = mail_server()
    sent_by_sign_up(server, jobs, ATTACKERS)
    owners = sent_by_sign_up(server, jobs, OWNERS)

    registration.verify(owners, timezone.now())

    user = User.objects.get()
    assert user.is_verified
    assert user.check_password(OWNERS)


def test_a_mail_job_that_runs_after_a_later_sign_up_mails_nothing(jobs, mail_server):
    server = mail_server()
    registration.sign_up(ADDRESS, OWNERS, "")
    registration.sign_up(ADDRESS, ATTACKERS, "")
    of_owner, of_attacker = jobs()

    run_job(of_owner)
    run_job(of_attacker)

    assert len(server.messages) == 1


def test_a_mail_job_retried_after_a_later_sign_up_mails_nothing(jobs, mail_server):
    server = mail_server(rcpt="451 4.7.1 greylisted")
    registration.sign_up(ADDRESS, OWNERS, "")
    with pytest.raises(Transient):
        run_job(jobs()[0])
    server.replies["rcpt"] = "250 OK"
    registration.sign_up(ADDRESS, ATTACKERS, "")

    run_job(jobs()[0])

    assert server.messages == []


@pytest.mark.django_db
def test_a_token_issued_for_the_sign_up_that_was_read_is_void_after_the_next():
    registration.sign_up(ADDRESS, OWNERS, "")
    as_the_job_read_it = User.objects.get()
    registration.sign_up(ADDRESS, ATTACKERS, "")

    token = mailed_tokens.issue(as_the_job_read_it, TokenPurpose.VERIFY, timezone.now())

    with pytest.raises(BadToken):
        registration.verify(token, timezone.now())


def test_a_job_of_an_earlier_release_mails_the_newest_link(jobs, mail_server):
    server = mail_server()
    registration.sign_up(ADDRESS, ATTACKERS, "")
    registration.sign_up(ADDRESS, OWNERS, "")

    registration.send_verification(jobs()[0]["args"][0])

    registration.verify(token_in(server.messages[0]), timezone.now())
    assert User.objects.get().check_password(OWNERS)


def test_the_mail_of_a_later_sign_up_says_that_there_was_an_earlier_one(jobs, mail_server):
    server = mail_server()
    sent_by_sign_up(server, jobs, OWNERS)
    sent_by_sign_up(server, jobs, ATTACKERS)

    first, second = [text_of(message) for message in server.messages]
    assert "sign-up with this address before" not in first
    assert "sign-up with this address before" in second


def test_asking_again_mails_the_link_of_the_newest_sign_up(jobs, mail_server):
    server = mail_server()
    registration.sign_up(ADDRESS, ATTACKERS, "")
    registration.sign_up(ADDRESS, OWNERS, "")
    registration.ask_verification(ADDRESS)

    run_job(jobs()[-1])
    registration.verify(token_in(server.messages[0]), timezone.now())

    assert User.objects.get().check_password(OWNERS)


def test_a_reset_of_an_unverified_account_makes_the_links_of_sign_ups_void(jobs, mail_server):
    server = mail_server()
    attackers = sent_by_sign_up(server, jobs, ATTACKERS)
    reset = mailed_tokens.issue(User.objects.get(), TokenPurpose.RESET, timezone.now())

    password_reset.reset(reset, OWNERS, timezone.now())

    with pytest.raises(BadToken):
        registration.verify(attackers, timezone.now())
    registration.sign_up(ADDRESS, ATTACKERS, "")
    assert User.objects.get().check_password(OWNERS)


@pytest.mark.parametrize("purpose", list(TokenPurpose))
def test_a_token_proves_only_the_address_that_it_was_mailed_to(a_user, purpose):
    user = a_user(verified=False)
    token = mailed_tokens.issue(user, purpose, timezone.now())
    User.objects.filter(pk=user.pk).update(email="other@example.org")

    with pytest.raises(BadToken):
        mailed_tokens.find(token, purpose, timezone.now())


def test_past_the_limit_of_mails_a_sign_up_changes_nothing_and_the_newest_link_works(
    jobs, mail_server, settings
):
    settings.THROTTLES = {"address_mail": "2/hour"}
    server = mail_server()
    address = f"{uuid4().hex}@example.org"
    for password in (ATTACKERS, OWNERS, ATTACKERS, ATTACKERS):
        registration.sign_up(address, password, "")

    assert len(jobs()) == 2
    run_job(jobs()[-1])
    registration.verify(token_in(server.messages[0]), timezone.now())
    assert User.objects.get().check_password(OWNERS)


def test_a_taken_address_is_sent_no_more_warnings_than_an_unverified_one_links(a_user, asked_for, settings):
    settings.THROTTLES = {"address_mail": "2/hour"}
    owner = a_user(f"{uuid4().hex}@example.org")

    for address in (owner.email, owner.email.upper(), owner.email):
        registration.sign_up(address, PASSWORD, "")

    assert len(asked_for("accounts.warn_owner")) == 2


def test_asking_again_is_limited_like_a_sign_up(a_user, jobs, settings):
    settings.THROTTLES = {"address_mail": "2/hour"}
    user = a_user(f"{uuid4().hex}@example.org", verified=False)

    for _ in range(3):
        registration.ask_verification(user.email)

    assert len(jobs()) == 2


def test_an_attempt_after_a_failed_one_mails_a_working_link(a_user, mail_server):
    server = mail_server(rcpt="451 4.7.1 greylisted")
    user = a_user(verified=False)

    with pytest.raises(Transient):
        registration.send_verification(str(user.pk))
    server.replies["rcpt"] = "250 OK"
    registration.send_verification(str(user.pk))

    registration.verify(token_in(server.messages[0]), timezone.now())
    user.refresh_from_db()
    assert user.is_verified


def test_no_verification_is_mailed_to_a_verified_user(a_user, mail_server):
    server = mail_server()

    registration.send_verification(str(a_user().pk))

    assert server.messages == []


@pytest.mark.django_db
@pytest.mark.parametrize("send", [registration.send_verification, registration.warn_owner])
def test_a_mail_to_a_user_who_left_is_not_sent(mail_server, send):
    server = mail_server()

    send("6b7ad1c2-0d3f-4a58-9c84-1f2e3d4c5b6a")

    assert server.messages == []


def test_the_warning_says_what_happened_and_has_no_token(a_user, mail_server):
    server = mail_server()

    registration.warn_owner(str(a_user().pk))

    assert "tried to sign up" in text_of(server.messages[0])
    assert "token=" not in text_of(server.messages[0])
    assert MailedToken.objects.count() == 0


def test_no_mail_repeats_what_was_typed_at_sign_up(a_user, mail_server):
    server = mail_server()
    user = a_user(verified=False, name="Buy at evil.example")

    registration.send_verification(str(user.pk))

    assert b"evil" not in server.messages[0].as_bytes()


def test_a_token_works_once(a_user, mail_server):
    server = mail_server()
    user = a_user(verified=False)
    registration.send_verification(str(user.pk))
    token = token_in(server.messages[0])
    first = timezone.now()
    registration.verify(token, first)

    with pytest.raises(BadToken):
        registration.verify(token, first + timedelta(minutes=1))

    user.refresh_from_db()
    assert user.verified_at == first


def test_a_token_of_three_days_is_too_old(a_user, mail_server):
    server = mail_server()
    user = a_user(verified=False)
    registration.send_verification(str(user.pk))
    issued_at = MailedToken.objects.get().created_at

    with pytest.raises(BadToken):
        registration.verify(token_in(server.messages[0]), issued_at + timedelta(days=3))
    registration.verify(token_in(server.messages[0]), issued_at + timedelta(days=3, seconds=-1))


@pytest.mark.django_db
@pytest.mark.parametrize("token", ["", "nonsense", "é", "x" * 200])
def test_an_unknown_token_is_refused(token):
    with pytest.raises(BadToken):
        registration.verify(token, timezone.now())


def test_a_reset_token_proves_nothing_as_a_verification_token(a_user):
    user = a_user(verified=False)
    token = mailed_tokens.issue(user, TokenPurpose.RESET, timezone.now())

    with pytest.raises(BadToken):
        registration.verify(token, timezone.now())


def test_asking_again_for_an_unknown_address_looks_the_same_and_mails_nobody(a_user, asked_for, mail_server):
    server = mail_server()
    user = a_user(ADDRESS, verified=False)

    with CaptureQueriesContext(connection) as for_known:
        registration.ask_verification(ADDRESS)
    with CaptureQueriesContext(connection) as for_unknown:
        registration.ask_verification("nobody@example.org")

    (known,), (unknown,) = asked_for("accounts.send_verification")
    assert known == str(user.pk)
    assert len(for_known) == len(for_unknown)
    registration.send_verification(unknown)
    assert server.messages == []
