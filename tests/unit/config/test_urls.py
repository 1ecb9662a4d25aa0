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
    return answer.status_code == 302 and re.match(r"(/admin)?/login|/admin/$", answer.headers["Location"])


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


@pytest.mark.parametrize("method", ["TRACE", "CONNECT", "PROPFIND", "GET0"])
def test_no_path_answers_a_method_that_it_does_not_have(member, method):
    for path in paths():
        answer = send(member, method, path)
        assert answer.status_code in {403, 404, 405} or leads_to_login(answer), (path, answer.status_code)


def without_guards(answer) -> list[str]:
    """Return what is wrong with the headers of a response."""
    headers, wrong = answer.headers, []
    kind = headers.get("Content-Type", "").replace('"', "")
    if headers.get("X-Content-Type-Options") != "nosniff":
        wrong.append("its type may be guessed")
    if "default-src 'self'" not in headers.get("Content-Security-Policy", ""):
        wrong.append("scripts of others may run")
    if "frame-ancestors" not in headers.get("Content-Security-Policy", ""):
        wrong.append("others may frame it")
    if headers.get("X-Frame-Options") not in {"DENY", "SAMEORIGIN"}:
        wrong.append("others may frame it in an old browser")
    if headers.get("Referrer-Policy") != "same-origin":
        wrong.append("others learn its address")
    if "Access-Control-Allow-Origin" in headers:
        wrong.append("others may read it")
    if answer.content and not kind:
        wrong.append("it has no type")
    if kind.startswith("text/") and "charset=utf-8" not in kind:
        wrong.append("it has no character set")
    if kind.startswith("application/json") and not headers.get("Content-Disposition"):
        wrong.append("a browser shows its data as a page")
    return wrong


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
