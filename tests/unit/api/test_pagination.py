from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

import pytest
from rest_framework import serializers
from rest_framework.generics import ListAPIView
from rest_framework.permissions import AllowAny
from rest_framework.test import APIRequestFactory

from api.models import IdempotencyKey
from api.pagination import NewestFirst

pytestmark = pytest.mark.django_db
START = datetime(2026, 1, 1, tzinfo=UTC)


class Row(serializers.ModelSerializer):
    class Meta:
        model = IdempotencyKey
        fields = ("key",)


class Rows(ListAPIView):
    permission_classes = (AllowAny,)
    pagination_class = NewestFirst
    serializer_class = Row
    queryset = IdempotencyKey.objects.all()


def add_rows(numbers, at=None):
    for number in numbers:
        IdempotencyKey.objects.create(
            owner="user:1",
            operation="POST /",
            key=str(number),
            status=200,
            created_at=at or START + timedelta(minutes=number),
        )


def answered(query: str):
    return Rows.as_view()(APIRequestFactory().get(f"/?{query}"))


def page(query: str):
    return answered(query).data


def every_key(size: int) -> list[str]:
    found, query = [], f"page_size={size}"
    while True:
        answer = page(query)
        found += [row["key"] for row in answer["results"]]
        if answer["next"] is None:
            return found
        query = urlsplit(answer["next"]).query


def test_the_newest_comes_first():
    add_rows(range(3))

    answer = page("")

    assert list(answer) == ["next", "previous", "results"]
    assert [row["key"] for row in answer["results"]] == ["2", "1", "0"]


def test_rows_of_one_instant_are_each_listed_once_over_all_pages():
    add_rows(range(11), at=START)

    assert every_key(3) == [str(number) for number in reversed(range(11))]


def test_a_row_added_while_pages_are_turned_shifts_nothing():
    add_rows(range(4))
    first = page("page_size=2")
    add_rows([9])

    second = page(urlsplit(first["next"]).query)

    assert [row["key"] for row in second["results"]] == ["1", "0"]


def test_a_page_has_200_rows_at_most():
    add_rows(range(201))

    assert len(page("page_size=1000")["results"]) == 200


@pytest.mark.parametrize(
    "cursor",
    [
        *("abc", "%00", "%ED%A0%80", "a.exe"),
        *("cD0lMDA=", "cD14", "cD0xMDAwMC0wMS0wMQ=="),  # positions: NUL, x, the year 10000
        *("cj14", "bz0tNQ==", "bz14"),  # a direction and offsets that are none
    ],
)
def test_a_cursor_that_is_none_of_ours_is_refused(cursor):
    answer = answered(f"cursor={cursor}")

    assert (answer.status_code, answer.data) == (400, {"cursor": ["Invalid cursor."]})


@pytest.mark.parametrize("size", ["x", "0", "-1", "1.5", "null", "", "1&page_size=x", "%D9%A1"])
def test_a_size_that_is_no_number_is_refused(size):
    answer = answered(f"page_size={size}")

    assert (answer.status_code, list(answer.data)) == (400, ["page_size"])


def test_a_number_of_five_thousand_digits_is_a_large_page():
    add_rows(range(3))

    assert len(page(f"page_size={'9' * 5000}")["results"]) == 3
