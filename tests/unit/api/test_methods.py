import json

import pytest
from asgiref.sync import async_to_sync
from django.http import HttpResponse
from django.test import RequestFactory

from api.methods import only


@only("GET", "HEAD")
async def shown(request, word):
    return HttpResponse(word)


def ask(method):
    return async_to_sync(shown)(RequestFactory().generic(method, "/"), word="here")


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_method_that_is_named_reaches_the_view(method):
    assert ask(method).content == b"here"


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "TRACE"])
def test_another_one_is_405_in_json_with_those_that_are_allowed(method):
    answer = ask(method)

    assert answer.status_code == 405
    assert json.loads(answer.content) == {"detail": f'Method "{method}" not allowed.'}
    assert answer.headers["Allow"] == "GET, HEAD, OPTIONS"


def test_options_names_the_methods():
    answer = ask("OPTIONS")

    assert (answer.status_code, answer.headers["Allow"]) == (200, "GET, HEAD, OPTIONS")


def test_no_csrf_token_is_asked_for():
    assert shown.csrf_exempt
