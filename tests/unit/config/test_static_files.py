import asyncio

from django.core.signals import request_finished
from django.http import HttpResponse
from django.test import AsyncClient, Client

from config.static_files import StaticFiles

STYLE = "/static/admin/css/base.css"


def test_a_packages_own_file_is_served_without_collectstatic(client: Client):
    answer = client.get(STYLE)

    assert answer.status_code == 200
    assert answer["Content-Type"].startswith("text/css")


def test_the_asynchronous_server_answers_the_same(client: Client, async_client: AsyncClient):
    here, there = client.get(STYLE), asyncio.run(async_client.get(STYLE))

    assert there.content == here.content
    assert there["ETag"] == here["ETag"]


def test_a_file_that_a_browser_has_is_not_sent_again(client: Client):
    first = client.get(STYLE)

    again = client.get(STYLE, headers={"if-none-match": first["ETag"]})

    assert again.status_code == 304
    assert "Content-Type" not in again.headers


def test_a_piece_of_a_file_and_its_headers_alone_can_be_asked_for(client: Client):
    whole = client.get(STYLE)

    piece = client.get(STYLE, headers={"range": "bytes=10-19"})
    head = client.head(STYLE)

    assert (piece.status_code, piece.content) == (206, whole.content[10:20])
    assert (head.content, head["Content-Length"]) == (b"", whole["Content-Length"])


def test_serving_a_file_does_not_say_that_the_request_is_finished(rf):
    finished = []

    def note(**_):
        finished.append(True)

    request_finished.connect(note)

    answer = StaticFiles(lambda _request: HttpResponse(status=404))(rf.get(STYLE))

    request_finished.disconnect(note)
    assert answer.status_code == 200
    assert finished == []


def test_a_file_that_is_not_there_is_asked_of_the_site(client: Client):
    assert client.get("/static/none.css").status_code == 404
