"""Values on their way into the ledger and out of it."""

import json
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from django.db import connection

from celery_ledger.values import wire
from celery_ledger.values.wire import Unserialisable

VALUES: list = [
    None,
    1,
    "ä",
    [1, [2]],
    {"a": {"b": []}},
    datetime(2026, 1, 1, tzinfo=UTC),
    [Decimal("1.0"), b"\x00"],
]


@pytest.mark.parametrize("value", VALUES)
def test_a_value_comes_back_by_either_way(value):
    assert wire.loads(wire.dumps(value)) == value
    assert wire.from_json(wire.to_json(value)) == value


def test_the_form_is_kombus_own():
    assert json.loads(wire.dumps(Decimal("1.5"))) == {"__type__": "decimal", "__value__": "1.5"}


@pytest.mark.django_db
@pytest.mark.parametrize(
    "text",
    [
        "\\u0000",
        "\\\\u0000",
        "\\ud800",
        "\\\\ud83d",
        "\ud83d\ude00".encode("utf-16", "surrogatepass").decode("utf-16"),
    ],
)
def test_whatever_is_written_the_database_stores(text):
    with connection.cursor() as cursor:
        cursor.execute("select %s::jsonb", [wire.dumps([text])])

        assert json.loads(cursor.fetchone()[0]) == [text]


@pytest.mark.parametrize("text", ["\x00", "\\\x00", "a\\\\\x00", "\ud800", "\ude00\ud83d", "\\\udfff"])
def test_a_text_that_the_database_refuses_is_refused(text):
    with pytest.raises(TypeError, match="cannot be stored"):
        wire.dumps({"key": [text]})


def test_a_value_too_deep_or_with_a_hostile_encoder_is_refused():
    class Hostile:
        def __json__(self):
            raise RuntimeError("oops")

    deep: list = []
    for _ in range(100_000):
        deep = [deep]

    for value in (deep, Hostile()):
        with pytest.raises(wire.Unwritable):
            wire.dumps(value)


def test_a_mark_says_what_could_not_be_written_and_is_found_among_results():
    mark = wire.marked({1}, TypeError("no set"))

    assert wire.loads(wire.dumps(mark)) == mark
    assert str(mark) == "a result of type builtins.set cannot be stored: no set"
    assert wire.mark_in([[1, "a"], [2, [mark]]]) == mark
    assert wire.mark_in([[1, "a"], [2, {"a": mark}]]) is None
    assert isinstance(mark, Unserialisable)


def test_the_text_of_a_marked_value_is_cut():
    assert len(wire.marked({"x" * 100_000}, TypeError("no set")).text) == wire.MAX_REPR_CHARS
