import asyncio

from django.test import AsyncClient, Client

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


def test_a_file_that_is_not_there_is_asked_of_the_site(client: Client):
    assert client.get("/static/none.css").status_code == 404
