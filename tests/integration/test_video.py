"""Films through real processes: web, worker, relay, ffmpeg; and a worker killed in the middle."""

import json
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urljoin

import httpx
import pytest
from imageio_ffmpeg import get_ffmpeg_exe

from tests.eventually import eventually
from tests.integration.studio import Studio, a_film

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

SRT = "1\n00:00:01,000 --> 00:00:02,000\n{}\n"


@pytest.fixture(scope="module")
def studio(tmp_path_factory):
    studio = Studio(tmp_path_factory.mktemp("studio"), VIDEO_TEXT_MAX_BYTES="2000")
    yield studio
    studio.close()


def test_a_film_goes_through_the_whole_pipeline(studio, tmp_path):
    video_id = studio.upload(a_film(tmp_path / "film.mp4", seconds=8))

    with studio.owner.stream("GET", f"/api/videos/{video_id}/events", timeout=120) as stream:
        lines = [line.removeprefix("data: ") for line in stream.iter_lines() if line.startswith("data: ")]

    seen = [json.loads(line) for line in lines[:-1]]  # the last one ends the stream
    video = seen[-1]
    assert video["state"] == "ready", video
    assert [each["progress"] for each in seen] == sorted(each["progress"] for each in seen)
    assert video["progress"] == 100
    assert {step["state"] for step in video["steps"]} == {"done"}
    assert (video["width"], video["height"]) == (320, 180)
    assert video["duration"] == pytest.approx(8, abs=0.2)
    assert sorted(studio.encoded_chunks(video_id)) == [0, 1]
    assert not (studio.folder(video_id) / "work").exists()


def test_every_output_answers_to_its_owner_and_to_nobody_else(studio, tmp_path):
    video_id = studio.upload(a_film(tmp_path / "film.mp4", seconds=4))
    stranger = studio.client("stranger@example.org")

    outputs = studio.when(video_id, "ready")["outputs"]

    urls = [outputs["hls"], outputs["dash"], outputs["poster"], outputs["storyboard"], *outputs["thumbnails"]]
    urls += [each["url"] for each in outputs["mp4"]]
    for url in urls:
        assert studio.owner.get(url).status_code == 200, url
        assert stranger.get(url).status_code == 404, url
        assert httpx.get(url).status_code == 404, url
    assert len(urls) >= 6
    part = studio.owner.get(outputs["mp4"][0]["url"], headers={"Range": "bytes=0-99"})
    assert (part.status_code, len(part.content)) == (206, 100)
    assert b"ftyp" in part.content
    for playlist in references(studio.owner, outputs["hls"]):
        for segment in references(studio.owner, playlist):
            assert studio.owner.get(segment).status_code == 200, segment
    stranger.close()


def references(client: httpx.Client, playlist: str) -> set[str]:
    """Return the URLs that a playlist refers to."""
    lines = client.get(playlist).text.splitlines()
    plain = {line for line in lines if line and not line.startswith("#")}
    quoted = {line.split('URI="')[1].split('"')[0] for line in lines if 'URI="' in line}
    return {urljoin(playlist, each) for each in plain | quoted}


def test_a_film_without_sound_gets_ready_without_it(studio, tmp_path):
    video_id = studio.upload(a_film(tmp_path / "film.mp4", seconds=1, sound=False))

    video = studio.when(video_id, "ready", "failed")

    assert video["state"] == "ready", video["error"]
    assert video["outputs"]["subtitles"] == []


def a_film_with_text_and_chapters(folder: Path) -> Path:
    """A video with an English text, a German one that is larger than the limit, and two chapters."""
    small, large, chapters = folder / "small.srt", folder / "large.srt", folder / "chapters.txt"
    small.write_text(SRT.format("Hello"))
    large.write_text(SRT.format("a" * 3000))
    marks = [f"[CHAPTER]\nTIMEBASE=1/1\nSTART={n}\nEND={n + 1}\ntitle=Part {n}\n" for n in (0, 2)]
    chapters.write_text(";FFMETADATA1\n" + "".join(marks))
    path = folder / "film.mkv"
    inputs = ("-i", a_film(folder / "film.mp4", seconds=4), "-i", small, "-i", large, "-i", chapters)
    languages = ("-metadata:s:s:0", "language=eng", "-metadata:s:s:1", "language=ger")
    streams = ("-map", "0", "-map", "1", "-map", "2", "-map_chapters", "3", "-c", "copy", "-c:s", "srt")
    command = [get_ffmpeg_exe(), "-hide_banner", "-v", "error", "-y", *inputs, *streams, *languages, path]
    subprocess.run(command, check=True, timeout=60)
    return path


def test_text_tracks_come_and_go_while_a_player_goes_on(studio, tmp_path):
    video_id = studio.upload(a_film_with_text_and_chapters(tmp_path))
    first = studio.when(video_id, "ready", "failed")
    outputs = first["outputs"]

    def languages(video: dict) -> list[str]:
        return [each["language"] for each in video["outputs"]["subtitles"]]

    def put(language: str) -> int:
        url = f"/api/videos/{video_id}/subtitles/{language}"
        return studio.owner.put(
            url, content=SRT.format(language), headers={"Content-Type": "text/vtt"}
        ).status_code

    def when_there(*expected: str) -> dict:
        def there() -> dict | None:
            video = studio.video(video_id)
            return video if languages(video) == list(expected) else None

        return eventually(there, within_seconds=60)

    assert first["state"] == "ready", first["error"]
    assert languages(first) == ["en"]
    (warning,) = first["warnings"]
    assert warning["step"] == "subtitles"
    assert "Deutsch" in warning["reason"]
    assert "Part 2" in studio.owner.get(outputs["chapters"]).text

    with ThreadPoolExecutor(2) as both:
        assert list(both.map(put, ["fr", "pt-BR"])) == [202, 202]
    added = eventually(lambda: (video := studio.video(video_id)) and len(languages(video)) == 3 and video, 60)

    assert set(languages(added)) == {"en", "fr", "pt-BR"}
    assert all(studio.owner.get(each["url"]).status_code == 200 for each in added["outputs"]["subtitles"])
    playlists = references(studio.owner, added["outputs"]["hls"])
    assert sum("/text_" in each for each in playlists) == 3
    for playlist in playlists:
        for segment in references(studio.owner, playlist):
            assert studio.owner.get(segment).status_code == 200, segment
    # What a player loaded before is all there.
    for playlist in references(studio.owner, outputs["hls"]):
        assert studio.owner.get(playlist).status_code == 200

    assert studio.owner.delete(f"/api/videos/{video_id}/subtitles/en").status_code == 202
    assert studio.owner.delete(f"/api/videos/{video_id}/subtitles/fr").status_code == 202
    removed = when_there("pt-BR")
    assert sum("/text_" in each for each in references(studio.owner, removed["outputs"]["hls"])) == 1
    assert studio.owner.delete(f"/api/videos/{video_id}/subtitles/fr").status_code == 404


def test_what_only_decoding_can_tell_ends_failed_with_the_reason(studio, tmp_path):
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(a_film(tmp_path / "film.mp4", seconds=2).read_bytes()[:3000])

    video = studio.when(studio.upload(broken), "failed", "ready")

    assert video["state"] == "failed"
    assert video["error"]
    states = {step["name"]: step["state"] for step in video["steps"]}
    assert states["probe"] == "failed"
    assert {states[name] for name in states if name != "probe"} == {"cancelled"}


@pytest.mark.parametrize("victim", ["child", "worker"])
def test_a_worker_killed_while_it_encodes_costs_only_the_chunk_it_was_at(studio, tmp_path, victim):
    video_id = studio.upload(a_film(tmp_path / "film.mp4", seconds=16, size="854x480"))
    eventually(lambda: studio.encoded_chunks(video_id) and studio.encoders(), within_seconds=60)

    if victim == "child":
        studio.encoders()[0].parent().kill()
    else:
        studio.worker.kill()
        studio.worker.wait(10)
    before = studio.encoded_chunks(video_id)
    if victim == "worker":
        eventually(lambda: not studio.encoders(), within_seconds=5)
        studio.worker = studio.start_worker()
    video = studio.when(video_id, "ready", "failed", within_seconds=150)

    assert video["state"] == "ready", video["error"]
    after = studio.encoded_chunks(video_id)
    assert before
    assert len(after) == len(set(after)), after
    assert set(after) == set(range(4))
    encode = next(step for step in video["steps"] if step["name"] == "encode")
    assert encode["attempts"] == 2


def test_cancelling_stops_the_encoders_and_a_retry_goes_on_where_it_ended(studio, tmp_path):
    video_id = studio.upload(a_film(tmp_path / "film.mp4", seconds=16, size="854x480"))
    eventually(lambda: studio.encoded_chunks(video_id) and studio.encoders(), within_seconds=60)

    cancelled = studio.owner.post(f"/api/videos/{video_id}/cancel")
    eventually(lambda: not studio.encoders(), within_seconds=5)
    before = studio.encoded_chunks(video_id)
    retried = studio.owner.post(f"/api/videos/{video_id}/retry")
    video = studio.when(video_id, "ready", "failed")

    assert (cancelled.status_code, retried.status_code) == (202, 202)
    assert video["state"] == "ready", video["error"]
    after = studio.encoded_chunks(video_id)
    assert len(before) < 4
    assert sorted(after) == [0, 1, 2, 3]


def test_deleting_a_film_under_way_leaves_no_file_and_no_encoder(studio, tmp_path):
    video_id = studio.upload(a_film(tmp_path / "film.mp4", seconds=16, size="854x480"))
    eventually(studio.encoders, within_seconds=60)

    assert studio.owner.delete(f"/api/videos/{video_id}").status_code == 204

    assert studio.owner.get(f"/api/videos/{video_id}").status_code == 404
    eventually(lambda: not studio.encoders(), within_seconds=5)
    eventually(lambda: not studio.folder(video_id).exists(), within_seconds=10)
    left = [path.name for path in (studio.house.data / "media").iterdir() if path.name.startswith(".")]
    assert left == []
