from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.authentication import SessionAuthentication
from rest_framework.generics import GenericAPIView
from rest_framework.permissions import AllowAny, IsAdminUser, IsAuthenticated
from rest_framework.throttling import AnonRateThrottle

from api.idempotency import idempotent
from api.routes import route


class Sent(serializers.Serializer):
    word = serializers.CharField()


class Base(GenericAPIView):
    serializer_class = Sent
    authentication_classes: tuple = (SessionAuthentication,)
    permission_classes: tuple = (IsAuthenticated,)

    def get(self, request):
        """Show."""


class Open(Base):
    authentication_classes = ()
    permission_classes = (AllowAny,)


class Staff(Base):
    permission_classes = (IsAdminUser,)


class Limited(Base):
    throttle_classes = (AnonRateThrottle,)


class Writing(Base):
    @idempotent
    def post(self, request):
        """Make."""

    @extend_schema(request=Sent)
    def delete(self, request):
        """Remove."""


class Removing(Base):
    def delete(self, request):
        """Remove."""


def operation(view, method="get", path="things"):
    schema = SchemaGenerator(patterns=[route(path, view.as_view())]).get_schema(public=True)
    return next(iter(schema["paths"].values()))[method]


def statuses(*args):
    return set(operation(*args)["responses"])


def test_who_must_log_in_may_be_told_so():
    assert statuses(Base) == {"200", "401", "503"}
    assert statuses(Open) == {"200", "503"}


def test_staffs_operations_may_be_forbidden():
    assert statuses(Staff) == {"200", "401", "403", "503"}


def test_only_what_is_limited_may_be_too_much():
    assert "429" in statuses(Limited)


def test_a_body_may_be_at_fault_or_of_a_foreign_type():
    assert {"400", "403", "409", "415", "422"} <= statuses(Writing, "post")


def test_what_is_asked_for_by_id_may_not_be_there():
    assert "404" in statuses(Base, "get", "things/(?P<id>[0-9]+)")


def test_a_delete_has_the_body_that_its_view_names_and_no_other():
    assert "requestBody" in operation(Writing, "delete")
    assert "requestBody" not in operation(Removing, "delete")


def test_every_answer_bears_the_requests_id():
    answers = operation(Writing, "post")["responses"].values()

    assert all("X-Request-ID" in answer["headers"] for answer in answers)


def test_a_refusal_says_how_to_log_in_and_when_to_come_back():
    answers = operation(Limited)["responses"]

    assert "WWW-Authenticate" in answers["401"]["headers"]
    assert "Retry-After" in answers["429"]["headers"]
    assert "Retry-After" in answers["503"]["headers"]


def test_a_replayed_answer_is_marked():
    created = operation(Writing, "post")["responses"]["200"]

    assert not created["headers"]["Idempotent-Replayed"].get("required", False)
