"""Attacks on every path of the site, so that a path that is added is attacked as well."""

import re

import pytest
from django.contrib.auth import get_user_model
from django.test import Client
from django.urls import get_resolver
from django.utils import timezone

pytestmark = pytest.mark.django_db

EXAMPLES = {
    "id": "00000000-0000-4000-8000-000000000000",
    "path": "film/master.m3u8",
    "language": "en",
    "act": "cancel",
    "form": "csv",
    "app_label": "accounts",
    "url": "accounts/user",
    "object_id": "1",
    "content_type_id": "1",
}
#: What answers without a login. Every other path refuses a stranger.
OPEN = {
    "/",
    "/privacy",
    "/signup",
    "/mail-sent",
    "/login",
    "/logout",  # ends the session that there is, if any
    "/verify-email",
    "/send-again",
    "/forgot-password",
    "/reset-password",
    f"/account/deletions/{EXAMPLES['id']}",  # the id is the secret
    f"/api/account/deletions/{EXAMPLES['id']}",
    "/healthz",
    "/readyz",
    "/api/schema",
    "/api/docs",
    "/api/signup",
    "/api/verify-email",
    "/api/verify-email/resend",
    "/api/login",
    "/api/password-reset",
    "/api/password-reset/confirm",
    "/api/push-key",
    "/admin/login/",
}
#: What answers staff alone.
STAFF = ("/admin/", "/api/jobs", "/api/reports")
UNSAFE = ("POST", "PUT", "PATCH", "DELETE")
#: Paths below /api that take no session, so that no other site can use one.
WITHOUT_SESSION = {path for path in OPEN if path.startswith("/api/")}


def paths() -> list[str]:
    """Return an example of every path."""
    return sorted({example(pattern) for pattern in patterns(get_resolver(), "")})


def patterns(resolver, before):
    for each in resolver.url_patterns:
        here = before + str(each.pattern)
        yield from patterns(each, here) if hasattr(each, "url_patterns") else [here]


def example(pattern: str) -> str:
    named = re.sub(
        r"\(\?P<(\w+)>(?:[^()]|\([^()]*\))*\)|<(?:\w+:)?(\w+)>",
        lambda found: EXAMPLES[found[1] or found[2]],
        pattern,
    )
    return "/" + re.sub(r"[\^$]|/\?\$?|\\Z", "", named).replace("\\.", ".").lstrip("/")


def is_staffs(path: str) -> bool:
    return path.startswith(STAFF) and path != "/admin/login/"


@pytest.fixture(autouse=True)
def surroundings(settings, tmp_path):
    settings.THROTTLES = {}
    settings.MAILBOX_EMBEDDED = False
    settings.MEDIA_FOLDER = tmp_path / "media"
    settings.UPLOAD_FOLDER = tmp_path / "uploads"


@pytest.fixture
def member():
    user = get_user_model().objects.create_user(
        "ada@example.org", "a long password", verified_at=timezone.now()
    )
    client = a_client()
    client.force_login(user)
    return client


@pytest.fixture
def stranger():
    return a_client()


def a_client():
    # What tus asks for, without which its paths refuse a request for another reason.
    tus = {"Tus-Resumable": "1.0.0", "Upload-Offset": "0"}
    return Client(enforce_csrf_checks=True, raise_request_exception=False, headers=tus)


def send(client, method, path, **more):
    return client.generic(method, path, CONTENT_TYPE="application/offset+octet-stream", **more)


def leads_to_login(answer) -> bool:
    """Whether the response leads to a login; the admin's logout does so by way of the admin's first page."""
    return answer.status_code == 302 and bool(
        re.match(r"(/admin)?/login|/admin/$", answer.headers["Location"])
    )


def test_every_path_has_an_example_and_every_exception_is_a_path():
    found = paths()

    assert len(found) > 60
    assert set(found) >= OPEN
    assert [path for path in found if re.search(r"[<>()?$^\\]", path)] == []


def test_a_stranger_gets_nothing_but_what_is_meant_for_strangers(stranger):
    for path in set(paths()) - OPEN:
        for method in ("GET", *UNSAFE):
            answer = send(stranger, method, path)
            refused = answer.status_code in {401, 403, 404, 405} or leads_to_login(answer)
            assert refused, (method, path, answer.status_code)


def test_a_member_gets_nothing_that_is_meant_for_staff(member):
    for path in filter(is_staffs, paths()):
        for method in ("GET", *UNSAFE):
            answer = send(member, method, path)
            refused = answer.status_code in {403, 404, 405} or leads_to_login(answer)
            assert refused, (method, path, answer.status_code)


def test_no_path_changes_anything_by_a_session_without_its_csrf_token(member):
    for path in set(paths()) - WITHOUT_SESSION:
        for method in UNSAFE:
            answer = send(member, method, path, HTTP_ORIGIN="https://evil.example")
            assert answer.status_code in {403, 404, 405}, (method, path, answer.status_code)


@pytest.mark.parametrize("method", ["TRACE", "PROPFIND"])
def test_no_path_answers_a_method_that_it_does_not_have(member, method):
    for path in paths():
        answer = send(member, method, path)
        assert answer.status_code in {403, 404, 405} or leads_to_login(answer), (path, answer.status_code)


def test_every_path_answers_a_question_for_its_methods(member):
    for path in paths():
        answer = send(member, "OPTIONS", path)
        assert answer.status_code < 500, (path, answer.status_code)


GUARDS = {
    "its type may not be guessed": lambda headers, kind: headers.get("X-Content-Type-Options") == "nosniff",
    "no script of another site runs": lambda headers, kind: (
        "default-src 'self'" in headers.get("Content-Security-Policy", "")
    ),
    "no site frames it": lambda headers, kind: (
        "frame-ancestors" in headers.get("Content-Security-Policy", "")
        and headers.get("X-Frame-Options") in {"DENY", "SAMEORIGIN"}
    ),
    "no site learns its address": lambda headers, kind: headers.get("Referrer-Policy") == "same-origin",
    "no site reads it": lambda headers, kind: "Access-Control-Allow-Origin" not in headers,
    "text has a character set": lambda headers, kind: (
        not kind.startswith("text/") or kind.endswith("; charset=utf-8")
    ),
    "data is not rendered": lambda headers, kind: (
        not kind.startswith("application/json") or "attachment" in headers.get("Content-Disposition", "")
    ),
}


def without_guards(answer) -> list[str]:
    """Return what the headers of a response do not hold."""
    kind = answer.headers.get("Content-Type", "").replace('"', "")
    missing = [name for name, holds in GUARDS.items() if not holds(answer.headers, kind)]
    return missing + (["what has a body has a type"] if answer.content and not kind else [])


def test_every_response_has_the_headers_that_restrict_a_browser(stranger, member):
    for path in (*paths(), "/nothing", "/api/nothing", "/api", "/static/nothing.js", "/.git/config"):
        for client, method, origin in (
            (stranger, "GET", "https://evil.example"),
            (member, "GET", "null"),
            (member, "POST", "null"),
            (member, "OPTIONS", "https://evil.example"),
        ):
            answer = send(client, method, path, HTTP_ORIGIN=origin)
            assert without_guards(answer) == [], (method, path, answer.status_code)


@pytest.mark.parametrize("path", ["/", "/api/videos", "/healthz", "/static/web/style.css"])
def test_a_request_for_another_host_is_refused_and_named_nowhere(stranger, path):
    answer = stranger.get(path, HTTP_HOST="evil.example")

    if path in {"/", "/api/videos"}:  # the others say the same to everybody
        assert answer.status_code == 400
    assert "evil.example" not in answer.text
    assert without_guards(answer) == []


@pytest.mark.parametrize(
    "path",
    [
        "/.git/config",
        "/.env",
        "/static/",
        "/static",
        "/static/web/",
        "/static/../config/settings.py",
        "/static/%2e%2e/config/settings.py",
        "/static/..%2f..%2fconfig/settings.py",
        "/static/web/style.css.bak",
        "/static/web/.DS_Store",
        "//etc/passwd",
        "/media/",
        "/var/secret_key",
    ],
)
def test_no_folder_is_listed_and_no_file_beside_ours_is_served(stranger, path):
    assert stranger.get(path).status_code == 404


def test_a_forwarded_host_is_not_believed(stranger):
    forwarded = {
        "X-Forwarded-Host": "evil.example",
        "X-Host": "evil.example",
        "Forwarded": "host=evil.example",
    }

    for path in ("/", "/login", "/api/schema", "/videos", "/api/docs"):
        answer = stranger.get(path, headers=forwarded)
        assert "evil.example" not in answer.text + str(answer.headers), path


@pytest.mark.parametrize(
    "next_path", ["/a\r\nSet-Cookie: a=b", "/a\nX-Other: 1", "//evil.example", "/\\evil.example"]
)
def test_where_a_login_leads_to_adds_no_header_and_stays_here(next_path):
    get_user_model().objects.create_user("ada@example.org", "a long password", verified_at=timezone.now())

    answer = Client().post(
        "/login", {"email": "ada@example.org", "password": "a long password", "next": next_path}
    )

    assert answer.status_code == 302
    assert answer.headers["Location"].startswith(("/a%0", "/videos"))
    assert "a" not in answer.cookies
    assert "X-Other" not in answer.headers


@pytest.mark.parametrize("path", ["/login", "/api/login"])
def test_a_form_of_thousands_of_fields_is_refused_and_no_bug(stranger, path):
    fields = {f"field{number}": "x" for number in range(2000)}

    assert 400 <= stranger.post(path, fields).status_code < 500
    assert 400 <= Client(raise_request_exception=False).post(path, fields).status_code < 500
