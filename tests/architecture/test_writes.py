"""A row is spent by a condition on its own table; see `writes`."""

import ast

import pytest
from django.db import connection
from django.utils import timezone

from accounts import queries
from tests.architecture import tree, writes

JOINED = {"accounts.usable_tokens", "accounts.webhook"}
CAUGHT = [
    "def f():\n    queries.usable_tokens(a, b, c).update(used_at=now)",
    "def f():\n    queries.usable_tokens(a, b, c).filter(pk=1).delete()",
    "def f():\n    found = queries.usable_tokens(a, b, c)\n    return found.filter(pk=1).update(x=1) == 1",
    "from accounts import queries as accounts\ndef f():\n    accounts.webhook(1).delete()",
    "def f():\n    MailedToken.objects.filter(pk=1, user__is_active=True).update(used_at=now)",
    "def f():\n    rows = MailedToken.objects.exclude(user__email='a')\n    rows.delete()",
]
LET_PASS = [
    "def f():\n    queries.unused_token(1).update(used_at=now)",
    "def f():\n    found = queries.usable_tokens(a, b, c).first()\n    Thing.objects.filter(pk=found.pk).update(x=1)",
    "def f():\n    MailedToken.objects.filter(user_id=1, expires_at__gt=now).update(used_at=now)",
    "def f():\n    Project.objects.filter(owner__id=1).delete()",
    "def f():\n    Asset.objects.filter(video__in=batch).delete()",
    "def f():\n    request.update(user__is_active=True)",
]


@pytest.mark.parametrize("source", CAUGHT)
def test_the_rule_catches(source):
    assert list(writes.joined_writes(ast.parse(source), "accounts", JOINED))


@pytest.mark.parametrize("source", LET_PASS)
def test_the_rule_lets_pass(source):
    assert not list(writes.joined_writes(ast.parse(source), "accounts", JOINED))


def test_the_sets_that_join_are_known():
    joined = writes.joined_sets()

    assert {"accounts.usable_tokens", "accounts.running_export", "accounts.webhook"} <= joined
    assert "accounts.unused_token" not in joined
    assert "media_pipeline.unused_upload" not in joined


def test_nothing_updates_or_deletes_over_a_join():
    joined = writes.joined_sets()

    broken = [
        f"{tree.name_of(path)}:{line}"
        for path in tree.modules()
        for line in writes.joined_writes(tree.parsed(path), tree.name_of(path).split("/")[0], joined)
    ]

    assert broken == []


@pytest.mark.django_db
def test_the_suite_refuses_such_a_statement_when_it_is_executed():
    with pytest.raises(AssertionError, match="over a join"):
        queries.usable_tokens("0" * 64, "verify", timezone.now()).update(used_at=timezone.now())
    assert connection.execute_wrappers
