"""Server-sent events: the film now, after each change, and an end."""

import asyncio
import json

import pytest
from asgiref.sync import async_to_sync, sync_to_async
from django.test import AsyncClient
from django.utils import timezone
from knox.models import AuthToken

from media_pipeline import announcements, lifecycle, progress
from media_pipeline.models import StepName, VideoState
from tests.unit.media_pipeline.builders import a_planned_video, a_video

pytestmark = pytest.mark.django_db(transaction=True)


def listen(video, owner, *changes, **headers):
    """Return the events of a film while `changes` happen to it, one after each event."""
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
