import pytest
from django.http import HttpRequest, HttpResponse

from api.routes import route

AN_ID = "0f8fad5b-d9cb-469f-a165-70867728950e"


def view(request: HttpRequest) -> HttpResponse:
    return HttpResponse()


def test_a_path_answers_with_and_without_a_trailing_slash():
    pattern = route("signup", view, name="signup")

    assert pattern.resolve("signup")
    assert pattern.resolve("signup/")


def test_a_longer_path_is_another_path():
    assert route("signup", view).resolve("signup/more") is None


def test_an_id_is_handed_to_the_view_as_it_stands_in_the_path():
    match = route("videos/(?P<id>[0-9a-f-]{36})", view).resolve(f"videos/{AN_ID}/")

    assert match is not None
    assert match.kwargs == {"id": AN_ID}


@pytest.mark.parametrize("nonsense", ["-" * 36, AN_ID.replace("-", "0"), AN_ID[:-1]])
def test_what_is_no_uuid_is_an_unknown_path_and_never_reaches_the_database(nonsense):
    assert route("videos/(?P<id>[0-9a-f-]{36})", view).resolve(f"videos/{nonsense}") is None
