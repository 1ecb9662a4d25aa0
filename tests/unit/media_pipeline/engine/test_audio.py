"""Audio tracks, as files have them and as they come out: in time, as long as the picture, and audible."""

import struct
import subprocess
from pathlib import Path

import av
import numpy as np
import pytest

from celery_ledger.errors import Permanent
from media_pipeline.engine import audio
from media_pipeline.engine.audio import encode_audio, left_out
from media_pipeline.engine.ffmpeg import ffmpeg_path
from media_pipeline.engine.plan import Film, make_plan
from media_pipeline.engine.probe import probe
from tests.unit.media_pipeline.engine.films import OPEN_GOP, ffmpeg, picture
from tests.unit.media_pipeline.engine.reading import LIMITS, nothing

RATE = 8000
HALF = RATE // 2


def source_of(path: Path, *sounds: str, seconds: float = 4, encoder: tuple = ("aac",)) -> Path:
    """Make a file of one picture and `sounds`, each a filter of its own."""
    inputs = [part for sound in sounds for part in ("-f", "lavfi", "-i", sound)]
    maps = [part for number in range(len(sounds) + 1) for part in ("-map", number)]
    codec, *options = encoder
    ffmpeg(*picture(seconds), *inputs, *maps, *OPEN_GOP, "-c:a", codec, *options, path)
    return path


def tracks_of(source: Path, work: Path) -> list[np.ndarray]:
    """Encode every track of `source` and return the samples of each, at 8 kHz, both channels mixed."""
    film = probe(source, LIMITS)
    plan = make_plan(film)
    encode_audio(source, film, plan, work / "audio", nothing)
    return [samples_of(work / "audio" / track.file) for track in plan.audio]


def samples_of(path: Path, *, channels: int = 1, rate: int = RATE) -> np.ndarray:
    command = [ffmpeg_path(), "-v", "fatal", "-i", str(path), "-ac", str(channels), "-ar", str(rate)]
    command += ["-f", "f32le", "-"]
    return np.frombuffer(subprocess.run(command, check=True, capture_output=True).stdout, np.float32)


def tones(samples: np.ndarray) -> list[int]:
    """Return the pitch of each half second in Hz, 0 for silence."""
    halves = samples[: len(samples) // HALF * HALF].reshape(-1, HALF)
    return [
        round(float(np.abs(np.fft.rfft(half)).argmax() * RATE / HALF), -1)
        if np.sqrt((half**2).mean()) > 0.005
        else 0
        for half in halves
    ]


def sine(pitch: int, seconds: float = 4, rate: int = 48_000, layout: str = "stereo") -> str:
    return f"sine=f={pitch}:r={rate}:d={seconds},aformat=channel_layouts={layout}"


def test_each_track_has_its_own_sound_and_the_length_of_the_picture(tmp_path):
    source = source_of(
        tmp_path / "source.mkv", sine(300), sine(500, 1), sine(700, 9), sine(900, layout="mono")
    )

    tracks = tracks_of(source, tmp_path)

    # The default sound, which is the first, decides how long the video is: here no longer than its picture.
    assert [len(track) for track in tracks] == [4 * RATE] * 4
    assert [tones(track) for track in tracks] == [[300] * 8, [500] * 2 + [0] * 6, [700] * 8, [900] * 8]


def test_the_default_sound_decides_how_long_the_video_is(tmp_path):
    source = source_of(tmp_path / "source.mkv", sine(300, 6), sine(500, 9))

    tracks = tracks_of(source, tmp_path)

    assert [tones(track) for track in tracks] == [[300] * 12, [500] * 12]


@pytest.mark.parametrize(
    ("codec", "rate", "layout"),
    [
        ("pcm_s16le", 8_000, "mono"),
        ("pcm_s16le", 192_000, "stereo"),
        ("flac", 96_000, "7.1"),
        ("ac3", 48_000, "5.1"),
        ("pcm_s16le", 48_000, "hexadecagonal"),
        ("pcm_mulaw", 8_000, "mono"),
        ("libmp3lame", 22_050, "mono"),
        ("libopus", 48_000, "5.1"),
    ],
)
def test_any_rate_and_number_of_channels_becomes_stereo(tmp_path, codec, rate, layout):
    source = source_of(tmp_path / "source.mkv", sine(440, rate=rate, layout=layout), encoder=(codec,))

    (track,) = tracks_of(source, tmp_path)

    assert tones(track) == [440] * 8
    assert np.abs(samples_of(tmp_path / "audio" / "audio.mp4", channels=2)).max() > 0.02


@pytest.mark.parametrize("count", [9, 64])
def test_of_many_channels_without_places_two_are_heard(tmp_path, count):
    many = "|".join(f"0.5*sin(2*PI*{300 if number < 2 else 900}*t)" for number in range(count))
    source = source_of(tmp_path / "source.mkv", f"aevalsrc='{many}':s=48000:d=4", encoder=("pcm_s16le",))

    (track,) = tracks_of(source, tmp_path)

    assert tones(track) == [300] * 8


@pytest.mark.parametrize("count", [1, 2, 4])
def test_channels_that_a_camera_labels_as_unused_are_heard(tmp_path, count):
    """PyAV frees the layout of such channels twice: the file was called broken."""
    encoder = ("pcm_s16le", "-af", f"aformat=channel_layouts={count}c")
    source = unlabelled(source_of(tmp_path / "source.mov", sine(300), encoder=encoder), count)

    (track,) = tracks_of(source, tmp_path)

    assert tones(track) == [300] * 8
    assert [(sound.channels, sound.is_mixable) for sound in probe(source, LIMITS).sounds] == [(count, False)]
    left, right = samples_of(tmp_path / "audio" / "audio.mp4", channels=2).reshape(-1, 2).T
    assert np.abs(right).max() == pytest.approx(np.abs(left).max(), rel=0.1)


def unlabelled(movie: Path, count: int) -> Path:
    """Put a layout box into the movie's sample description of sound that labels each channel as unused (0)."""
    content = bytearray(movie.read_bytes())
    labels = struct.pack(">III", 0, 0, count) + bytes(20 * count)
    box = struct.pack(">I4s", 12 + len(labels), b"chan") + bytes(4) + labels
    entry = content.rindex(b"stsd") + 12
    old = content.find(b"chan", entry) - 4
    # A stereo movie has no such box.
    start = old if old > 0 else entry + int.from_bytes(content[entry : entry + 4])
    end = start + (int.from_bytes(content[start : start + 4]) if old > 0 else 0)
    content[start:end] = box
    for name in (b"moov", b"trak", b"mdia", b"minf", b"stbl", b"stsd"):
        _grow(content, content.rindex(name) - 4, len(box) - (end - start))
    _grow(content, entry, len(box) - (end - start))
    movie.write_bytes(content)
    return movie


def _grow(content: bytearray, place: int, by: int) -> None:
    content[place : place + 4] = struct.pack(">I", int.from_bytes(content[place : place + 4]) + by)


def test_loud_surround_is_not_clipped_and_dialogue_stays_audible(tmp_path):
    loud, voice = "0.98*sin(2*PI*300*t)", "0.3*sin(2*PI*700*t)*gt(t,2)"
    channels = f"{loud}*lt(t,2)|{loud}*lt(t,2)|{voice}+{loud}*lt(t,2)|0|{loud}*lt(t,2)|{loud}*lt(t,2)"
    source = source_of(tmp_path / "source.mkv", f"aevalsrc='{channels}':c=5.1:s=48000:d=4", encoder=("flac",))

    (track,) = tracks_of(source, tmp_path)

    stereo = samples_of(tmp_path / "audio" / "audio.mp4", channels=2, rate=48_000).reshape(-1, 2)
    # The encoder's own noise may lift a full sample a little; four channels added up had 7.5 dB more, or 2.4.
    assert np.abs(stereo).max() < 1.1
    assert tones(track) == [300] * 4 + [700] * 4
    # The voice alone comes through as it is mixed: 0.707 of the centre on each side.
    assert np.abs(stereo[int(2.5 * 48_000) : int(3.5 * 48_000)]).max() == pytest.approx(0.212, abs=0.02)


CHANGES = {
    "stereo, then 5.1": (("ac3", sine(440)), ("ac3", sine(880, layout="5.1"))),
    "48 kHz stereo, then 32 kHz mono": (("aac", sine(440)), ("aac", sine(880, rate=32_000, layout="mono"))),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_broadcast_whose_channels_change_keeps_its_time(tmp_path, name):
    """Filters that begin anew in the middle filled from zero to there again: 12 s of sound for 8 s of picture."""
    parts = []
    for number, (codec, sound) in enumerate(CHANGES[name]):
        encoder = (codec, "-output_ts_offset", 4 * number, "-f", "mpegts")
        part = source_of(tmp_path / f"{number}.ts", sound, encoder=encoder)
        parts.append(part.read_bytes())
    source = tmp_path / "source.ts"
    source.write_bytes(b"".join(parts))

    (track,) = tracks_of(source, tmp_path)

    assert len(track) == pytest.approx(8 * RATE, abs=RATE / 10)
    assert tones(track)[:7] + tones(track)[9:15] == [440] * 7 + [880] * 6


def test_a_track_that_mostly_cannot_be_decoded_is_silent_there(tmp_path):
    source = source_of(tmp_path / "source.mkv", sine(440), sine(600), encoder=("flac",))
    film = probe(source, LIMITS)
    broken = bytearray(source.read_bytes())
    second = _packets(source, film.sounds[1].stream)
    for place, size in second[len(second) // 8 :]:
        # Behind the header of the block, and of the frame: else the file itself would be broken.
        broken[place + 30 : place + size - 4] = b"\xff" * (size - 34)
    source.write_bytes(broken)

    tracks = tracks_of(source, tmp_path)

    assert tones(tracks[0]) == [440] * 8
    assert len(tracks[1]) == 4 * RATE
    assert tones(tracks[1])[4:] == [0] * 4


def _packets(path: Path, stream: int) -> list[tuple[int, int]]:
    with av.open(str(path)) as container:
        packets = container.demux(container.streams[stream])
        return [(packet.pos, packet.size) for packet in packets if packet.size]


@pytest.fixture
def with_a_bad_track(tmp_path, monkeypatch):
    """Three tracks, of which the filters of one fail, by its number."""
    source = source_of(tmp_path / "source.mkv", sine(300), sine(500), sine(700))

    def make(number: int) -> tuple[Path, Film]:
        film = probe(source, LIMITS)
        bad = film.sounds[number].stream
        usual = audio._to_stereo
        monkeypatch.setattr(
            audio, "_to_stereo", lambda sound: "pan=stereo|c0=c99" if sound.stream == bad else usual(sound)
        )
        return source, film

    return make


def test_a_track_that_cannot_be_converted_is_left_out(tmp_path, with_a_bad_track):
    source, film = with_a_bad_track(1)
    plan = make_plan(film)

    encode_audio(source, film, plan, tmp_path / "audio", nothing)

    assert sorted(path.name for path in (tmp_path / "audio").iterdir()) == ["audio.mp4", "audio_3.mp4"]
    assert left_out(plan, tmp_path / "audio") == [plan.audio[1]]
    assert tones(samples_of(tmp_path / "audio" / "audio_3.mp4")) == [700] * 8


def test_a_default_track_that_cannot_be_converted_fails_the_step(tmp_path, with_a_bad_track):
    source, film = with_a_bad_track(0)

    with pytest.raises(Permanent):
        encode_audio(source, film, make_plan(film), tmp_path / "audio", nothing)

    assert not (tmp_path / "audio").exists()


def test_progress_rises_over_all_tracks(tmp_path):
    source = source_of(tmp_path / "source.mkv", sine(300), sine(500), sine(700))
    film = probe(source, LIMITS)
    shares: list[float] = []

    encode_audio(source, film, make_plan(film), tmp_path / "audio", shares.append)

    assert shares == sorted(shares)
    assert shares[-1] == 1
    assert {1 / 3, 2 / 3} <= set(shares)


def test_a_film_of_the_last_release_has_the_sound_it_had(tmp_path):
    film = probe(source_of(tmp_path / "source.mkv", sine(300)), LIMITS)
    stored = film.as_json()
    (sound,) = stored.pop("sounds")
    old = {name: sound[name] for name in ("stream", "codec", "language", "start_seconds", "end_seconds")}

    assert Film.from_json({**stored, "sound": old}) == film
    assert Film.from_json({**stored, "sound": None}).sounds == ()
