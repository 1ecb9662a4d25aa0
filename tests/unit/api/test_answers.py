import sys

import pytest
from django.core.exceptions import ValidationError as DjangoValidationError
from django.db import OperationalError
from django.http import HttpRequest, HttpResponse
from django.test import Client
from rest_framework import serializers
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from api.answers import flat, handler400, handler403, handler404, handler500  # noqa: F401 (Django finds them by name)
from api.errors import Conflict, Forbidden, NotFound, Refused, TooMany
from api.routes import route


class Keys(serializers.Serializer):
    auth = serializers.CharField()


class Sent(serializers.Serializer):
    email = serializers.EmailField()
    keys = Keys()


class Raising(APIView):
    permission_classes = (AllowAny,)

    def get(self, request: Request, what: str) -> Response:
        raise ERRORS[what]

    def post(self, request: Request, what: str) -> Response:
        Sent(data=request.data).is_valid(raise_exception=True)
        return Response()


def raising(request: HttpRequest, what: str) -> HttpResponse:
    raise ERRORS[what]


ERRORS = {
    "refused": Refused("No."),
    "field": Refused("Too short.", field="name"),
    "status": Refused("Other payload.", status=422),
    "forbidden": Forbidden("Not verified."),
    "missing": NotFound(),
    "conflict": Conflict("It runs."),
    "many": TooMany(retry_after=2.1),
    "database": OperationalError("password=secret"),
    "validators": DjangoValidationError({"password": ["Too common."]}),
    "bug": RuntimeError("secret"),
}
urlpatterns = [
    route("api/framework/(?P<what>.+)", Raising.as_view()),
    route("api/plain/(?P<what>.+)", raising),
    route("page/(?P<what>.+)", raising),
]


@pytest.fixture
def client(settings):
    settings.ROOT_URLCONF = sys.modules[__name__]
    return Client(raise_request_exception=False)


@pytest.mark.parametrize("kind", ["framework", "plain"])
@pytest.mark.parametrize(
    ("what", "status", "body"),
    [
        ("refused", 400, {"detail": "No."}),
        ("field", 400, {"name": ["Too short."]}),
        ("status", 422, {"detail": "Other payload."}),
        ("forbidden", 403, {"detail": "Not verified."}),
        ("missing", 404, {"detail": "Not found."}),
        ("conflict", 409, {"detail": "It runs."}),
        ("many", 429, {"detail": "Too many requests."}),
    ],
)
def test_a_refusal_becomes_its_status_and_reason(client, kind, what, status, body):
    answer = client.get(f"/api/{kind}/{what}")

    assert (answer.status_code, answer.json()) == (status, body)


@pytest.mark.parametrize("kind", ["framework", "plain"])
def test_a_limit_says_when_to_ask_again_in_whole_seconds(client, kind):
    assert client.get(f"/api/{kind}/many").headers["Retry-After"] == "3"


@pytest.mark.parametrize("kind", ["framework", "plain"])
def test_a_lost_database_is_503_and_tells_nothing_of_its_address(client, kind):
    answer = client.get(f"/api/{kind}/database")

    assert answer.status_code == 503
    assert "detail" in answer.json()
    assert "secret" not in answer.text
    assert answer.headers["Retry-After"] == "5"


def test_django_validators_are_answered_by_field(client):
    answer = client.get("/api/framework/validators")

    assert (answer.status_code, answer.json()) == (400, {"password": ["Too common."]})


def test_invalid_input_is_answered_by_field_and_inner_fields_with_their_path(client):
    answer = client.post("/api/framework/x", {"email": "nobody", "keys": {}}, content_type="application/json")

    assert answer.status_code == 400
    assert answer.json() == {
        "email": ["Enter a valid email address."],
        "keys.auth": ["This field is required."],
    }


def test_reasons_about_a_list_stand_under_its_name(client):
    assert flat({"state": {0: ["No."], 3: ["No."]}}) == {"state": ["No.", "No."]}


def test_an_inner_object_that_is_none_is_named_itself(client):
    answer = client.post(
        "/api/framework/x", {"email": "a@example.org", "keys": "x"}, content_type="application/json"
    )

    assert answer.status_code == 400
    assert list(answer.json()) == ["keys"]


def test_a_reason_that_repeats_half_a_surrogate_pair_can_be_sent():
    (reason,) = flat({"state": ["\ud800 is not a valid choice."]})["state"]

    assert reason == "\\ud800 is not a valid choice."


def test_a_body_that_is_no_json_is_answered_with_a_detail(client):
    answer = client.post("/api/framework/x", "{", content_type="application/json")

    assert answer.status_code == 400
    assert list(answer.json()) == ["detail"]


def test_what_belongs_to_no_field_is_the_detail():
    assert flat({"non_field_errors": ["One.", "Two."]}) == {"detail": "One. Two."}
    assert flat(["One."]) == {"detail": "One."}


def test_an_unknown_path_under_api_is_json_and_elsewhere_a_page(client):
    under_api, page = client.get("/api/nothing"), client.get("/nothing")

    assert (under_api.status_code, under_api.json()) == (404, {"detail": "Not found."})
    assert page.status_code == 404
    assert "<h1>Not found</h1>" in page.text


def test_a_bug_is_500_in_json_under_api_and_shows_nothing_of_itself(client):
    answer = client.get("/api/plain/bug")

    assert answer.status_code == 500
    assert "secret" not in answer.json()["detail"]


def test_a_page_survives_a_lost_database_with_a_page_of_its_own(client):
    answer = client.get("/page/database")

    assert answer.status_code == 503
    assert "<h1>Back in a moment</h1>" in answer.text
