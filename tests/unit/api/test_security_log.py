import pytest
from django.contrib.auth import get_user_model
from django.test import Client
from django.utils import timezone
from knox.models import AuthToken
from prometheus_client import REGISTRY

from api import security_log

pytestmark = pytest.mark.django_db

SECRET = "a secret that was sent"


@pytest.fixture(autouse=True)
def surroundings(settings):
    settings.THROTTLES = {}
    settings.LOGIN_MAX_FAILURES = 2


@pytest.fixture
def user():
    return get_user_model().objects.create_user("ada@example.org", "right horse", verified_at=timezone.now())


@pytest.fixture
def lines(caplog):
    """Return a function that returns the lines of an event."""
    caplog.set_level("INFO")
    return lambda event: [
        record.msg
        for record in caplog.records
        if isinstance(record.msg, dict) and record.msg.get("event") == event
    ]


def post(path, body, **more):
    return Client(enforce_csrf_checks=True).post(path, body, content_type="application/json", **more)


def test_a_token_that_is_wrong_is_an_access_denied(lines):
    Client().get("/api/account", headers={"Authorization": f"Bearer {SECRET.replace(' ', '-')}"})

    (line,) = lines("access_denied")
    assert (line["status"], line["reason"], line["level"]) == (401, "AuthenticationFailed", "warning")
    assert line["request_id"] == lines("request_finished")[0]["request_id"]
    assert "secret" not in str(line)


def test_a_path_of_staff_is_denied_to_a_user_by_name(lines, user):
    client = Client()
    client.force_login(user)

    client.get("/api/jobs")

    (line,) = lines("access_denied")
    assert (line["status"], line["reason"]) == (403, "PermissionDenied")
    assert lines("request_finished")[0]["user_id"] == str(user.pk)


def test_a_session_without_its_csrf_token_is_an_access_denied(lines, user):
    client = Client(enforce_csrf_checks=True)
    client.force_login(user)

    client.post("/api/projects", {"name": SECRET}, content_type="application/json")

    assert [line["status"] for line in lines("access_denied")] == [403]


def test_input_that_is_refused_is_told_by_the_names_of_its_fields(lines):
    post("/api/signup", {"email": SECRET, "password": 7})
    post("/api/signup", f'{{"email": "{SECRET}"')

    first, second = lines("input_refused")
    assert (first["reason"], first["fields"]) == ("ValidationError", ["email", "password"])
    assert (second["reason"], second["fields"]) == ("ParseError", [])
    assert SECRET not in str([first, second])


def test_a_limit_that_is_reached_is_logged(lines, user):
    for _ in range(3):
        post("/api/login", {"email": user.email, "password": SECRET})

    (line,) = lines("limit_reached")
    assert (line["status"], line["reason"]) == (429, "TooManyFailures")


def test_a_refusal_of_a_page_is_logged_like_one_of_the_api(lines):
    Client().post("/verify-email", {"token": SECRET})

    (line,) = lines("input_refused")
    assert (line["reason"], line["fields"]) == ("BadToken", ["token"])


def test_a_refusal_of_an_upload_is_logged(lines):
    tus = {"Tus-Resumable": "1.0.0", "Upload-Length": "10"}

    Client().post("/api/uploads", content_type="application/offset+octet-stream", headers=tus)

    assert [line["status"] for line in lines("access_denied")] == [401]


def test_a_user_by_token_is_on_the_line_of_the_request(lines, user):
    token = AuthToken.objects.create(user=user)[1]

    Client().get("/api/account", headers={"Authorization": f"Bearer {token}"})

    (line,) = lines("request_finished")
    assert line["user_id"] == str(user.pk)
    assert token not in str(line)


def test_a_client_is_told_apart_without_its_address(lines):
    for address in ("192.0.2.7", "192.0.2.7", "192.0.2.8"):
        Client().get("/healthz", REMOTE_ADDR=address)

    first, again, other = (line["client"] for line in lines("request_finished"))
    assert first == again != other
    assert "192.0.2" not in str(lines("request_finished"))


def test_a_page_that_needs_no_user_asks_for_none_to_log_it(user, django_assert_num_queries):
    client = Client()
    client.force_login(user)

    with django_assert_num_queries(0):
        client.get("/healthz")


def counted(event):
    return REGISTRY.get_sample_value("offstage_security_events_total", {"event": event})


def test_what_is_refused_is_counted_for_the_alerts(user):
    before = {event: counted(event) for event in security_log.COUNTED}

    Client().get("/api/account")
    for _ in range(3):
        post("/api/login", {"email": user.email, "password": SECRET})
    post("/api/verify-email", {"token": SECRET})

    found = {event: counted(event) - before[event] for event in security_log.COUNTED}
    # A wrong password is refused input as well, and the third one reached the limit.
    assert found == {"login_failed": 2, "access_denied": 1, "limit_reached": 1, "input_refused": 3}
