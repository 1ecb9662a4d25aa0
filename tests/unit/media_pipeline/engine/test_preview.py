"""Playlists over encoded chunks, and the bytes that they name."""

from fractions import Fraction

from media_pipeline.engine.audio import AUDIO_NAME, encode_audio
from media_pipeline.engine.cut import cut_pieces, piece_name
from media_pipeline.engine.encode import encode_chunk, rung_name
from media_pipeline.engine.fragments import Fragment, h264_codec, read_layout, read_parts
from media_pipeline.engine.plan import make_plan
from media_pipeline.engine.preview import (
    FRAGMENTED_AUDIO,
    encoded_seconds,
    fragment_audio,
    main_playlist,
    media_playlist,
    picture_segments,
    sound_segments,
)
from media_pipeline.engine.probe import probe
from tests.unit.media_pipeline.builders import a_film
from tests.unit.media_pipeline.engine.reading import LIMITS, nothing, packets


def plan_of_three_chunks():
    return make_plan(a_film(seconds=28), 12)


def test_a_playlist_lists_the_segments_of_the_chunks_that_are_encoded():
    segments = list(picture_segments(plan_of_three_chunks(), 2))

    assert [each.name for each in segments] == [
        f"{chunk}-{place}.m4s" for chunk in (0, 1) for place in (0, 1, 2)
    ]
    assert {each.seconds for each in segments} == {Fraction(4)}


def test_a_playlist_grows_and_never_changes_what_it_said():
    plan = plan_of_three_chunks()

    texts = [
        media_playlist("360", picture_segments(plan, encoded), is_complete=encoded == 3)
        for encoded in (1, 2, 3)
    ]

    assert texts[1].startswith(texts[0])
    assert texts[2].startswith(texts[1])
    assert [text.count("#EXTINF") for text in texts] == [3, 6, 7]
    assert [text.endswith("#EXT-X-ENDLIST\n") for text in texts] == [False, False, True]
    assert "#EXT-X-PLAYLIST-TYPE:EVENT" in texts[0]
    # A live player begins at the end unless told otherwise.
    assert "#EXT-X-START:TIME-OFFSET=0" in texts[0]


def test_the_main_playlist_names_the_sound_once_it_is_there():
    plan = plan_of_three_chunks()
    rungs = [(rung, "avc1.64001e") for rung in plan.rungs]

    silent, sounding = (main_playlist(rungs, plan.rate, audio=audio) for audio in ("", "audio.m3u8"))

    assert "AUDIO" not in silent
    assert 'CODECS="avc1.64001e"\n360.m3u8' in silent
    assert 'URI="audio.m3u8"' in sounding
    assert 'CODECS="avc1.64001e,mp4a.40.2",AUDIO="audio"\n360.m3u8' in sounding


def test_the_sound_ends_where_the_picture_does_so_far():
    plan = plan_of_three_chunks()
    fragments = [Fragment(0, 0, frames) for frames in (188, 187, 188, 187, 188, 187, 188)]

    listed = list(sound_segments(fragments, encoded_seconds(plan, 1)))

    assert [each.name for each in listed] == ["0-0.m4s", "1-0.m4s", "2-0.m4s"]


def test_the_segments_that_are_listed_are_the_fragments_of_the_chunks(film_path, tmp_path):
    source = film_path("open_gop.mp4")
    plan = make_plan(probe(source, LIMITS), 4)
    cut_pieces(source, probe(source, LIMITS), plan, tmp_path / "pieces")
    played = b""
    every = list(picture_segments(plan, len(plan.chunks)))
    for number in range(len(plan.chunks)):
        encode_chunk(tmp_path / "pieces" / piece_name(number), plan, number, tmp_path / str(number), nothing)
        path = tmp_path / str(number) / rung_name(plan.rungs[0])
        layout, content = read_layout(path), path.read_bytes()
        listed = [each for each in every if each.name.startswith(f"{number}-")]
        assert [fragment.frames / plan.rate for fragment in layout.fragments] == [
            each.seconds for each in listed
        ]
        assert content[: layout.header_bytes] == read_parts(path).header
        played += content[: layout.header_bytes] if not played else b""
        played += b"".join(content[fragment.first : fragment.end] for fragment in layout.fragments)
        assert h264_codec(path).startswith("avc1.64")
    (tmp_path / "played.mp4").write_bytes(played)

    assert len(packets(tmp_path / "played.mp4")) == plan.frames


def test_the_sound_in_fragments_is_the_sound(film_path, tmp_path):
    source = film_path("long_sound.mp4")
    film = probe(source, LIMITS)
    plan = make_plan(film, 4)
    encode_audio(source, film, plan, tmp_path / "audio", nothing)

    fragment_audio(tmp_path / "audio" / AUDIO_NAME, plan, tmp_path / "preview")
    fragment_audio(tmp_path / "gone", plan, tmp_path / "preview")  # twice

    layout = read_layout(tmp_path / "preview" / FRAGMENTED_AUDIO)
    seconds = sum(fragment.frames for fragment in layout.fragments) * 1024 / 48_000
    assert abs(seconds - plan.duration_seconds) < 0.1
