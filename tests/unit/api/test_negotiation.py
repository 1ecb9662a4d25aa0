import pytest
from rest_framework.permissions import AllowAny
from rest_framework.renderers import BaseRenderer, JSONRenderer
from rest_framework.response import Response
from rest_framework.test import APIRequestFactory
from rest_framework.views import APIView


class Plain(BaseRenderer):
    media_type = "text/plain"
    format = "txt"

    def render(self, data, accepted_media_type=None, renderer_context=None):
        return str(data)


class Shown(APIView):
    permission_classes = (AllowAny,)
    renderer_classes = (JSONRenderer, Plain)

    def get(self, request):
        return Response({})


def type_of(query="", **headers):
    answer = Shown.as_view()(APIRequestFactory().get(f"/{query}", headers=headers))
    answer.render()
    assert answer.status_code == 200
    return answer.headers["Content-Type"]


@pytest.mark.parametrize("accept", ["application/zip", "text/html", "///", "\xff", ""])
def test_who_accepts_nothing_that_we_have_gets_what_we_have(accept):
    assert type_of(Accept=accept) == "application/json"


def test_what_the_client_prefers_is_heard():
    assert type_of(Accept="text/plain").startswith("text/plain")
    assert type_of("?format=txt").startswith("text/plain")


def test_a_form_that_does_not_exist_is_passed_over():
    assert type_of("?format=xml") == "application/json"
