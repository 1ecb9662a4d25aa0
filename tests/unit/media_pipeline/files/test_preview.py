"""A video that is watched while it is still encoded."""

from urllib.parse import urljoin, urlsplit

import pytest
from asgiref.sync import async_to_sync
from django.db.models import F
from django.test import AsyncClient
from knox.models import AuthToken

from media_pipeline import queries
from media_pipeline.engine.audio import AUDIO_NAME, encode_audio
from media_pipeline.engine.cut import cut_pieces, piece_name
from media_pipeline.engine.encode import encode_chunk
from media_pipeline.engine.plan import make_plan
from media_pipeline.engine.preview import fragment_audio
from media_pipeline.engine.probe import probe
from media_pipeline.files import preview_files, storage
from media_pipeline.models import Chunk, Video, VideoState
from tests.unit.media_pipeline.builders import a_film_file, a_planned_video, a_video, kept_everywhere
from tests.unit.media_pipeline.engine.reading import LIMITS, nothing

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def encoded(tmp_path_factory):
    """A video of two chunks, encoded, by folder: what the steps leave of it."""
    folder = tmp_path_factory.mktemp("encoded")
    source = a_film_file(folder / "source.mp4", seconds=6)
    film = probe(source, LIMITS)
    plan = make_plan(film, 4)
    cut_pieces(source, film, plan, folder / "pieces")
    for chunk in plan.chunks:
        piece = folder / "pieces" / piece_name(chunk.number)
        encode_chunk(piece, plan, chunk.number, folder / storage.chunk_name(chunk.number), nothing)
    encode_audio(source, film, plan, folder / "audio", nothing)
    fragment_audio(folder / "audio" / AUDIO_NAME, plan, folder / preview_files.AUDIO_FOLDER)
    return film, plan, folder


@pytest.fixture
def video(owner, encoded):
    """The video in the middle of its work: the first chunk and the sound are there."""
    film, plan, folder = encoded
    video = a_video(owner, VideoState.PROCESSING, film=film.as_json(), plan=plan.as_json())
    Chunk.objects.bulk_create(
        Chunk(video=video, number=chunk.number, frames=chunk.frames) for chunk in plan.chunks
    )
    work = storage.film_folder(video.pk) / "work"
    for name in (storage.chunk_name(0), storage.chunk_name(1), preview_files.AUDIO_FOLDER):
        (work / name).mkdir(parents=True)
        for file in (folder / name).iterdir():
            (work / name / file.name).write_bytes(file.read_bytes())
    end_chunks(video, 0)
    return video


def end_chunks(video, *numbers):
    Chunk.objects.filter(video=video, number__in=numbers).update(frames_done=F("frames"))


def get(user, path, **headers):
    """Return status, headers and body."""
    if user is not None:
        headers["Authorization"] = f"Bearer {AuthToken.objects.create(user)[1]}"

    async def fetch():
        answer = await AsyncClient().get(path, headers=headers)
        body = b"".join([piece async for piece in answer]) if answer.streaming else answer.content
        return answer.status_code, answer.headers, body

    return async_to_sync(fetch)()


def ask(video, user, path, **headers):
    return get(user, f"/api/videos/{video.pk}/preview/{path}", **headers)


def shown(client, video):
    client.force_login(video.owner)
    return client.get(f"/api/videos/{video.pk}").json()


def uris(playlist):
    return [line for line in playlist.splitlines() if line and not line.startswith("#")]


def test_it_is_playable_from_the_first_chunk_on(client, owner):
    video = a_planned_video(owner)
    assert (shown(client, video)["playable"], shown(client, video)["preview"]) == (False, None)

    end_chunks(video, 1)
    assert shown(client, video)["playable"] is False

    end_chunks(video, 0)
    assert shown(client, video)["playable"] is True
    assert shown(client, video)["preview"].endswith(f"/api/videos/{video.pk}/preview/master.m3u8")


@pytest.mark.parametrize(
    ("state", "is_playable"),
    [(VideoState.READY, True), (VideoState.FAILED, False), (VideoState.CANCELLED, False)],
)
def test_what_is_final_has_no_preview(client, owner, state, is_playable):
    video = a_planned_video(owner)
    end_chunks(video, 0, 1)
    Video.objects.filter(pk=video.pk).update(
        state=state, progress=100, error="Broken.", finished_at=video.created_at
    )

    assert (shown(client, video)["playable"], shown(client, video)["preview"]) == (is_playable, None)
    assert ask(video, owner, "master.m3u8")[0] == 404


def test_a_player_finds_its_way_from_the_main_playlist_to_the_bytes(video, owner, encoded):
    _, plan, folder = encoded
    base = f"/api/videos/{video.pk}/preview/master.m3u8"

    status, headers, body = get(owner, base)

    assert (status, headers["Content-Type"]) == (200, "application/vnd.apple.mpegurl")
    assert "no-store" in headers["Cache-Control"]
    assert uris(body.decode()) == [f"{rung.name}.m3u8" for rung in plan.rungs]
    rung = plan.rungs[0].name
    listed = get(owner, urljoin(base, f"{rung}.m3u8"))[2].decode()
    assert uris(listed) == [f"{rung}/0-0.m4s"]
    status, headers, segment = get(owner, urljoin(base, f"{rung}/0-0.m4s"))
    header = get(owner, urljoin(base, f"{rung}/init.mp4"))[2]
    assert (status, headers["Content-Type"]) == (200, "video/mp4")
    whole = (folder / storage.chunk_name(0) / f"{rung}.mp4").read_bytes()
    assert whole.startswith(header + segment)


def test_the_playlists_grow_with_the_chunks_and_end(video, owner, encoded):
    rung = encoded[1].rungs[0].name
    end_chunks(video, 1)

    picture, sound = (ask(video, owner, f"{name}.m3u8")[2].decode() for name in (rung, "audio"))

    assert uris(picture) == [f"{rung}/0-0.m4s", f"{rung}/1-0.m4s"]
    assert picture.endswith("#EXT-X-ENDLIST\n")
    assert sound.endswith("#EXT-X-ENDLIST\n")
    assert all(ask(video, owner, uri)[0] == 200 for uri in (*uris(picture), *uris(sound), "audio/init.mp4"))


def test_a_segment_is_served_by_range(video, owner, encoded):
    rung = encoded[1].rungs[0].name
    whole = ask(video, owner, f"{rung}/0-0.m4s")[2]

    status, headers, body = ask(video, owner, f"{rung}/0-0.m4s", Range="bytes=10-19")

    assert (status, body) == (206, whole[10:20])
    assert headers["Content-Range"] == f"bytes 10-19/{len(whole)}"


def test_a_chunk_after_a_gap_waits(video, owner, encoded):
    Chunk.objects.filter(video=video, number=0).update(frames_done=0)
    end_chunks(video, 1)

    assert queries.encoded_from_the_first(video.pk) == 0
    assert ask(video, owner, "master.m3u8")[0] == 404


def test_without_the_sound_yet_the_picture_plays(video, owner):
    for file in (storage.film_folder(video.pk) / "work" / preview_files.AUDIO_FOLDER).iterdir():
        file.unlink()

    assert b"AUDIO" not in ask(video, owner, "master.m3u8")[2]
    assert ask(video, owner, "audio.m3u8")[0] == 404


@pytest.mark.parametrize(
    "path",
    [
        "1080.m3u8",
        "1080/init.mp4",
        "64/1-0.m4s",
        "64/0-9.m4s",
        "../source",
        "64/../../source",
        "audio/99-0.m4s",
    ],
)
def test_what_there_is_not_is_not_found(video, owner, path):
    assert ask(video, owner, path)[0] == 404


def test_others_see_nothing(video, stranger):
    assert ask(video, stranger, "master.m3u8")[0] == 404
    assert ask(video, None, "master.m3u8")[0] == 404


def test_asking_makes_no_folder(video, owner):
    storage.remove_film(video.pk)

    assert ask(video, owner, "master.m3u8")[0] == 404
    assert not storage.film_folder(video.pk).exists()


def test_another_machine_serves_it_from_the_bucket(bucket, video, owner, encoded, move):
    rung = encoded[1].rungs[0].name
    here = {
        path: ask(video, owner, path)[2]
        for path in ("master.m3u8", f"{rung}/0-0.m4s", "audio.m3u8", "audio/0-0.m4s")
    }
    kept_everywhere(video)

    move("another")

    assert {path: ask(video, owner, path)[2] for path in here} == here
    assert all(here.values())


def test_a_list_costs_the_same_however_many_videos_there_are(client, owner, django_assert_max_num_queries):
    for _ in range(3):
        end_chunks(a_planned_video(owner), 0)
    client.force_login(owner)

    with django_assert_max_num_queries(6):
        listed = client.get("/api/videos").json()["results"]

    assert [each["playable"] for each in listed] == [True] * 3
    assert {urlsplit(each["preview"]).path.rpartition("/")[2] for each in listed} == {"master.m3u8"}
