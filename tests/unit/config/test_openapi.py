from functools import cache

import pytest
from drf_spectacular.drainage import GENERATOR_STATS
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.validation import validate_schema


@cache
def document():
    with GENERATOR_STATS.silence():
        return SchemaGenerator().get_schema(request=None, public=True)


def operations():
    return [
        (path, method, operation)
        for path, item in document()["paths"].items()
        for method, operation in item.items()
    ]


def test_the_document_is_valid_and_made_without_a_warning(capsys):
    GENERATOR_STATS.reset()

    schema = SchemaGenerator().get_schema(request=None, public=True)
    validate_schema(schema)

    assert capsys.readouterr().err == ""
    assert not GENERATOR_STATS


def test_paths_are_written_without_a_trailing_slash():
    assert [path for path in document()["paths"] if path.endswith("/")] == []


def test_every_call_of_accounts_and_videos_is_there():
    paths = document()["paths"]

    assert {"post"} <= paths["/api/signup"].keys()
    assert {"get", "post"} <= paths["/api/videos"].keys()
    assert {"get", "delete"} <= paths["/api/videos/{id}"].keys()
    assert paths["/api/webhooks"].keys() == {"get", "post"}
    assert paths["/api/webhooks/{id}"].keys() == {"delete"}
    assert paths["/api/uploads"].keys() == {"get", "post"}
    assert paths["/api/uploads/{id}"].keys() == {"head", "patch", "delete"}


def test_the_statuses_of_tus_are_documented():
    answers = document()["paths"]["/api/uploads/{id}"]["patch"]["responses"]

    assert {"204", "408", "409", "410", "412", "413", "415", "423", "460"} <= answers.keys()


def test_the_list_of_uploads_is_documented_as_a_page():
    listed = document()["paths"]["/api/uploads"]["get"]

    page = listed["responses"]["200"]["content"]["application/json"]["schema"]["properties"]
    assert page.keys() == {"next", "previous", "results"}
    assert {"url", "length", "offset", "filename", "expires_at"} <= page["results"]["items"][
        "properties"
    ].keys()
    assert {parameter["name"] for parameter in listed["parameters"]} == {"cursor", "page_size"}


def test_a_video_is_made_of_a_form_or_of_an_upload():
    body = document()["paths"]["/api/videos"]["post"]["requestBody"]["content"]

    assert body.keys() == {"multipart/form-data", "application/json"}


def test_the_event_stream_is_documented_as_one():
    (content,) = document()["paths"]["/api/videos/{id}/events"]["get"]["responses"]["200"]["content"]

    assert content == "text/event-stream"


def test_no_enum_is_named_by_chance():
    assert [name for name in document()["components"]["schemas"] if name.endswith("Enum")] == []


def test_every_operation_says_how_it_refuses():
    for path, method, operation in operations():
        assert "503" in operation["responses"], f"{method} {path}"
        if "{id}" in path:
            assert "404" in operation["responses"], f"{method} {path}"


def test_operation_ids_are_told_apart():
    ids = [operation["operationId"] for _, _, operation in operations()]

    assert len(ids) == len(set(ids))


@pytest.mark.parametrize(
    ("path", "method"),
    [
        ("/api/videos", "post"),
        ("/api/uploads", "post"),
        ("/api/projects", "post"),
        ("/api/webhooks", "post"),
    ],
)
def test_a_key_is_documented_where_it_is_understood(path, method):
    operation = document()["paths"][path][method]

    assert "Idempotency-Key" in [parameter["name"] for parameter in operation["parameters"]]
    assert {"409", "422"} <= operation["responses"].keys()


def test_what_is_limited_says_so():
    limited = {path for path, _, operation in operations() if "429" in operation["responses"]}

    assert limited == {
        *("/api/signup", "/api/login", "/api/password-reset", "/api/verify-email/resend", "/api/account"),
        *("/api/uploads", "/api/account/password", "/api/videos/{id}/events"),
    }


def test_login_tells_of_an_address_that_was_never_proven():
    assert "403" in document()["paths"]["/api/login"]["post"]["responses"]


def test_the_bodies_that_a_delete_takes_are_there():
    bodies = {
        path for path, method, operation in operations() if method == "delete" and "requestBody" in operation
    }

    assert bodies == {"/api/account", "/api/push-subscriptions"}
