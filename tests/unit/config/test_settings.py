import json
import re
import subprocess
import sys

import pytest
from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.auth.hashers import PBKDF2PasswordHasher, make_password
from django.core.cache import cache

from config import env

BEHIND_HTTPS = {"PUBLIC_URL": "https://offstage.example", "BEHIND_HTTPS_PROXY": "true"}
BROWSER_SETTINGS = (
    "DEBUG",
    "SESSION_COOKIE_NAME",
    "SESSION_COOKIE_SECURE",
    "SESSION_COOKIE_HTTPONLY",
    "SESSION_COOKIE_SAMESITE",
    "CSRF_COOKIE_NAME",
    "CSRF_COOKIE_SECURE",
    "SECURE_HSTS_SECONDS",
    "SECURE_HSTS_INCLUDE_SUBDOMAINS",
    "SECURE_SSL_REDIRECT",
)


def settings_of(**environment):
    """Return what another environment makes of the settings."""
    names = ", ".join(f"{name!r}: settings.{name}" for name in BROWSER_SETTINGS)
    program = f"import json; from config import settings; print(json.dumps({{{names}}}))"
    ran = subprocess.run(
        [sys.executable, "-c", program],
        env=env.inherited(environment),
        cwd=env.ROOT,
        capture_output=True,
        check=True,
        timeout=60,
    )
    return json.loads(ran.stdout)


@pytest.mark.django_db
def test_the_database_answers():
    assert not get_user_model().objects.exists()


def test_the_cache_answers():
    cache.set("a", 1)

    assert cache.get("a") == 1


def test_behind_https_cookies_and_connections_are_secure():
    assert settings_of(**BEHIND_HTTPS) == {
        "DEBUG": False,
        "SESSION_COOKIE_NAME": "__Host-session",
        "SESSION_COOKIE_SECURE": True,
        "SESSION_COOKIE_HTTPONLY": True,
        "SESSION_COOKIE_SAMESITE": "Lax",
        "CSRF_COOKIE_NAME": "__Host-csrf",
        "CSRF_COOKIE_SECURE": True,
        "SECURE_HSTS_SECONDS": 31_536_000,
        "SECURE_HSTS_INCLUDE_SUBDOMAINS": True,
        "SECURE_SSL_REDIRECT": True,
    }


def test_subdomains_without_https_can_be_left_out_of_hsts():
    assert settings_of(**BEHIND_HTTPS, HSTS_SUBDOMAINS="false")["SECURE_HSTS_INCLUDE_SUBDOMAINS"] is False


def test_django_itself_finds_nothing_to_harden():
    ran = subprocess.run(
        [sys.executable, "manage.py", "check", "--deploy", "--fail-level", "WARNING"],
        env=env.inherited(BEHIND_HTTPS),
        cwd=env.ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert ran.returncode == 0, ran.stderr


def test_a_request_that_came_in_plain_is_sent_to_https(client, settings):
    settings.SECURE_SSL_REDIRECT = True
    settings.SECURE_HSTS_SECONDS = 31_536_000
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")

    plain = client.get("/login", headers={"X-Forwarded-Proto": "http"})
    secure = client.get("/login", headers={"X-Forwarded-Proto": "https"})

    assert (plain.status_code, plain.headers["Location"]) == (301, "https://testserver/login")
    assert secure.headers["Strict-Transport-Security"] == "max-age=31536000; includeSubDomains"
    assert client.get("/healthz").status_code == 200


def test_what_a_stranger_may_do_is_nothing_unless_a_view_says_otherwise():
    api = settings.REST_FRAMEWORK

    assert api["DEFAULT_PERMISSION_CLASSES"] == ["rest_framework.permissions.IsAuthenticated"]
    assert "django.middleware.csrf.CsrfViewMiddleware" in settings.MIDDLEWARE


def test_passwords_and_sessions_are_kept_by_strong_algorithms():
    first = settings_module().PASSWORD_HASHERS[0]

    assert first.endswith("Argon2PasswordHasher")
    assert all(not weak for weak in map(is_weak, settings_module().PASSWORD_HASHERS))


@pytest.mark.django_db
def test_a_password_is_stored_by_argon2id_with_a_salt_of_its_own(settings):
    settings.PASSWORD_HASHERS = settings_module().PASSWORD_HASHERS
    first, second = (make_password("correct horse battery") for _ in range(2))

    # Parameters of RFC 9106 are a balance; the second recommended option has 64 MiB. Django's have 100.
    kind, memory, iterations, _, salt, _ = re.fullmatch(
        r"argon2\$(argon2id)\$v=19\$m=(\d+),t=(\d+),p=(\d+)\$([^$]+)\$([^$]+)", first
    ).groups()
    assert kind == "argon2id"
    assert int(memory) >= 64 * 1024
    assert int(iterations) >= 2
    assert len(salt) * 6 >= 128
    assert salt not in second
    assert PBKDF2PasswordHasher.iterations >= 600_000


def settings_module():
    # What the file says; the suite runs with a fast hasher.
    from config import settings as written  # noqa: PLC0415

    return written


def is_weak(hasher):
    return any(word in hasher for word in ("MD5", "SHA1", "Unsalted", "Crypt"))
