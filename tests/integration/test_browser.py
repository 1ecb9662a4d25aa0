"""Three players and a tus client in Chromium, on a page of another origin than the API's."""

import subprocess

import pytest
from imageio_ffmpeg import get_ffmpeg_exe

from media_pipeline.uploads.tus_headers import UNSUPPORTED
from tests.eventually import eventually
from tests.harness.browser import Pages, install_players
from tests.harness.installed import need_browser
from tests.integration.studio import Studio, a_film

pytestmark = [pytest.mark.slow, pytest.mark.long, pytest.mark.timeout(600)]

SECONDS = 16
EARLY_SECONDS = 60
TEXT_LANGUAGES = ["en", "de"]


@pytest.fixture(scope="module")
def pages():
    need_browser()
    install_players()
    pages = Pages()
    yield pages
    pages.close()


@pytest.fixture(scope="module")
def studio(pages, tmp_path_factory):
    studio = Studio(tmp_path_factory.mktemp("studio"), CORS_ALLOWED_ORIGINS=pages.origin)
    yield studio
    studio.close()


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """A video of two sizes, two sounds and two texts; each text says its language and every second second."""
    folder = tmp_path_factory.mktemp("source")
    for language in TEXT_LANGUAGES:
        cues = [
            f"{n + 1}\n{stamp(2 * n)} --> {stamp(2 * n + 2)}\n{language} {n}\n" for n in range(SECONDS // 2)
        ]
        (folder / f"{language}.srt").write_text("\n".join(cues))
    command = [get_ffmpeg_exe(), "-hide_banner", "-v", "error", "-y"]
    command += ["-f", "lavfi", "-i", f"testsrc2=size=854x480:rate=25:duration={SECONDS}"]
    for hertz in (440, 880):
        command += ["-f", "lavfi", "-i", f"sine=frequency={hertz}:duration={SECONDS}"]
    for language in TEXT_LANGUAGES:
        command += ["-i", str(folder / f"{language}.srt")]
    command += ["-map", "0:v", "-map", "1:a", "-map", "2:a", "-map", "3:s", "-map", "4:s"]
    command += ["-metadata:s:a:0", "language=eng", "-metadata:s:a:1", "language=deu"]
    command += ["-metadata:s:s:0", "language=eng", "-metadata:s:s:1", "language=deu"]
    command += ["-c:v", "libx264", "-preset", "ultrafast", "-crf", "35", "-pix_fmt", "yuv420p"]
    command += ["-c:a", "aac", "-b:a", "64k", "-c:s", "srt", str(folder / "source.mkv")]
    subprocess.run(command, check=True, timeout=60)
    return folder / "source.mkv"


def stamp(second):
    return f"00:00:{second:02},000"


@pytest.fixture(scope="module")
def ready(studio, source):
    return studio.when(studio.upload(source), "ready", "failed", within_seconds=240)


@pytest.mark.parametrize(
    ("player", "output"), [("hls", "hls"), ("shaka", "hls"), ("shaka", "dash"), ("dash", "dash")]
)
def test_it_plays_seeks_and_switches_to_everything_that_there_is(pages, studio, ready, player, output):
    outputs = ready["outputs"]

    found = pages.start("play", seconds=240, player=player, url=outputs[output], token=token(studio)).found()

    assert sorted(found["heights"]) == sorted(mp4["height"] for mp4 in outputs["mp4"])
    assert sorted(found["texts"]) == sorted(track["language"] for track in outputs["subtitles"])
    # Players list one sound as well, or none where there is nothing to choose.
    assert len(found["sounds"]) == len(outputs.get("audio", found["sounds"]))
    assert found["errors"] == []


@pytest.mark.parametrize("player", ["hls", "shaka"])
def test_it_is_watched_while_it_is_encoded(pages, studio, tmp_path, player):
    video_id = studio.upload(a_film(tmp_path / "film.mp4", seconds=EARLY_SECONDS, size="640x360"))
    early = eventually(lambda: (video := studio.video(video_id))["playable"] and video, within_seconds=90)
    studio.worker.terminate()  # nothing more is encoded until the player has begun
    studio.worker.wait(60)

    run = pages.start(
        "watchEarly",
        seconds=240,
        player=player,
        url=early["preview"],
        whole=EARLY_SECONDS,
        token=token(studio),
    )
    pages.wait_for("playing", run)
    studio.worker = studio.start_worker()
    found = run.found()

    assert (early["state"], early["outputs"]) == ("processing", None)
    assert found["begun"] < 3  # at the start, and not at the end as of a live stream
    assert found["before"] < EARLY_SECONDS
    assert found["errors"] == []
    ready = studio.when(video_id, "ready", "failed", within_seconds=180)
    assert (ready["state"], ready["playable"], ready["preview"]) == ("ready", True, None)


def test_an_upload_is_stopped_and_resumed_from_another_origin(pages, studio, source):
    pages.source = source

    found = pages.start("upload", seconds=120, api=studio.base, token=token(studio), source="/source").found()

    assert found == {
        "first": "stopped",
        "second": "sent",
        "isSame": True,
        "resumed": True,
        "status": 202,
        "title": "Zürich",
        "location": True,
    }


def test_a_page_of_another_origin_can_read_why_it_is_refused(pages, studio):
    found = pages.start("refusals", seconds=60, api=studio.base, token=token(studio)).found()

    assert found == {
        "stranger": 401,
        "missing": 404,
        "file": 404,
        "body": 413,
        "parallel": f'400 {{"detail": "Upload-Concat: {UNSUPPORTED["Upload-Concat"]}"}}',
        # What the browser itself refuses: cookies, and what is no API.
        "cookies": "TypeError",
        "page": "TypeError",
    }


def token(studio):
    return studio.owner.headers["Authorization"].removeprefix("Bearer ")
