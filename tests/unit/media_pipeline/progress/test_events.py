"""Server-sent events: the video now, after each change, and an end."""

import asyncio
import json
import time
from typing import Any

import pytest
from asgiref.sync import async_to_sync, sync_to_async
from django.test import AsyncClient
from django.utils import timezone
from knox.models import AuthToken

from media_pipeline import lifecycle
from media_pipeline.models import StepName, VideoState
from media_pipeline.progress import announcements, progress
from tests.unit.media_pipeline.builders import a_planned_video, a_video

pytestmark = pytest.mark.django_db(transaction=True)


def listen(video, owner, *changes, **headers):
    """Return the events of a video while `changes` happen to it, one after each event."""
    _, token = AuthToken.objects.create(owner)
    left = list(changes)

    async def read():
        async with asyncio.timeout(20):
            return await read_all()

    async def read_all():
        answer = await AsyncClient().get(
            f"/api/videos/{video.pk}/events", headers={"Authorization": f"Bearer {token}", **headers}
        )
        assert answer.headers["Content-Type"] == "text/event-stream"
        events = []
        async for piece in answer:
            events += [parsed(each) for each in piece.decode().split("\n\n") if each]
            if "event" in events[-1] and left:
                await sync_to_async(left.pop(0))()
        return events

    return async_to_sync(read)()


def parsed(event: str) -> dict[str, str]:
    return dict(line.split(": ", 1) for line in event.splitlines() if not line.startswith(":"))


def test_a_final_film_is_shown_once_and_ended(owner):
    video = a_video(owner, VideoState.READY)

    retry, shown, end = listen(video, owner)

    assert retry == {"retry": "2000"}
    assert shown["event"] == "video"
    assert json.loads(shown["data"])["state"] == "ready"
    assert json.loads(shown["data"])["id"] == str(video.pk)
    assert end["event"] == "end"


def test_each_change_is_an_event_with_a_higher_id(owner):
    video = a_planned_video(owner)

    events = listen(
        video,
        owner,
        lambda: progress.record(video.pk, StepName.AUDIO, 0.9),
        lambda: lifecycle.become_ready(str(video.pk), None, timezone.now()),
    )

    shown = [event for event in events if event.get("event") == "video"]
    assert [json.loads(event["data"])["state"] for event in shown] == ["processing", "processing", "ready"]
    numbers = [int(event["id"]) for event in shown]
    assert numbers == sorted(set(numbers))


def test_a_lost_announcement_costs_two_seconds_not_an_event(owner, settings, monkeypatch):
    monkeypatch.setattr(announcements, "announce", lambda video_id: None)
    video = a_planned_video(owner)

    events = listen(video, owner, lambda: lifecycle.cancel(video.pk, timezone.now()))

    assert json.loads(events[-2]["data"])["state"] == "cancelled"


def test_a_cache_that_is_down_costs_no_event(owner, settings):
    settings.CACHE_URL = "redis://127.0.0.1:1/0"
    video = a_planned_video(owner)

    events = listen(video, owner, lambda: lifecycle.cancel(video.pk, timezone.now()))

    assert json.loads(events[-2]["data"])["state"] == "cancelled"


def test_who_comes_back_is_not_told_the_same_again(owner):
    video = a_video(owner, VideoState.READY, version=7)

    events = listen(video, owner, **{"Last-Event-ID": "7"})

    assert [event.get("event") for event in events] == [None, "end"]


def test_a_film_deleted_meanwhile_ends_the_stream(owner):
    video = a_planned_video(owner)

    events = listen(video, owner, video.delete)

    assert events[-1]["event"] == "end"


def end_token(owner):
    AuthToken.objects.filter(user=owner).delete()


def deactivate(owner):
    type(owner).objects.filter(pk=owner.pk).update(is_active=False)


@pytest.mark.parametrize("over", [end_token, deactivate])
def test_a_stream_ends_within_seconds_after_its_login(owner, over):
    video = a_planned_video(owner)
    started = time.monotonic()

    events = listen(video, owner, lambda: over(owner))

    assert events[-1]["event"] == "end"
    assert json.loads(events[-1]["data"]) == {"detail": "Logged out."}
    assert time.monotonic() - started < 5


def test_a_stream_ends_after_its_session_and_that_of_another_session_does_not(owner):
    video = a_planned_video(owner)
    mine, other = AsyncClient(), AsyncClient()
    for client in (mine, other):
        client.force_login(owner)

    async def read():
        streams: list[Any] = [
            aiter(await client.get(f"/api/videos/{video.pk}/events")) for client in (mine, other)
        ]
        for stream in streams:
            assert "retry" in (await anext(stream)).decode()
            assert "event: video" in (await anext(stream)).decode()
        await mine.post("/api/logout")
        ended = (await anext(streams[0])).decode()
        await sync_to_async(progress.record)(video.pk, StepName.AUDIO, 0.9)
        return ended, (await anext(streams[1])).decode()

    ended, went_on = async_to_sync(read)()
    assert "event: end" in ended
    assert "event: video" in went_on


def test_a_user_has_so_many_streams_and_a_closed_one_makes_room(owner, stranger, settings):
    settings.EVENT_STREAMS_PER_USER = 2
    video, other = a_planned_video(owner), a_planned_video(stranger)
    tokens = {user: AuthToken.objects.create(user)[1] for user in (owner, stranger)}

    async def ask(user, about):
        return await AsyncClient().get(
            f"/api/videos/{about.pk}/events", headers={"Authorization": f"Bearer {tokens[user]}"}
        )

    async def read():
        opened = [await ask(owner, video) for _ in range(2)]
        streams = [aiter(each) for each in opened]
        for stream in streams:
            await anext(stream)
        refused, neighbour = await ask(owner, video), await ask(stranger, other)
        await opened[0]._iterator.aclose()  # as when its client goes away
        again = await ask(owner, video)
        return refused, neighbour.status_code, again.status_code

    refused, *accepted = async_to_sync(read)()
    assert (refused.status_code, list(refused.json())) == (429, ["detail"])
    assert int(refused.headers["Retry-After"]) >= 1
    assert accepted == [200, 200]


def test_of_ten_streams_that_open_at_once_no_more_than_the_limit_are_sent(owner, settings):
    settings.EVENT_STREAMS_PER_USER = 3
    video = a_planned_video(owner)
    _, token = AuthToken.objects.create(owner)

    async def read():
        asked = [
            AsyncClient().get(f"/api/videos/{video.pk}/events", headers={"Authorization": f"Bearer {token}"})
            for _ in range(10)
        ]
        return [answer.status_code for answer in await asyncio.gather(*asked)]

    assert sorted(async_to_sync(read)()) == [200] * 3 + [429] * 7
