"""The HLS master playlist, as the packager writes it and as it has to be."""

import pytest

from media_pipeline.engine.master import mark_default_audio

WRITTEN = """#EXTM3U
#EXT-X-MEDIA:TYPE=AUDIO,URI="audio.m3u8",GROUP-ID="audio",NAME="DEFAULT=YES",{first},CHANNELS="2"
#EXT-X-MEDIA:TYPE=AUDIO,URI="audio_2.m3u8",GROUP-ID="audio",LANGUAGE="de",NAME="Deutsch",{second},CHANNELS="2"
#EXT-X-MEDIA:TYPE=SUBTITLES,URI="text_en.m3u8",GROUP-ID="subtitles",NAME="x",DEFAULT=YES,AUTOSELECT=YES
#EXT-X-STREAM-INF:BANDWIDTH=1,AUDIO="audio"
"""
YES, NO = "DEFAULT=YES,AUTOSELECT=YES", "DEFAULT=NO,AUTOSELECT=YES"
NEVER = "DEFAULT=NO,AUTOSELECT=NO"


@pytest.mark.parametrize(
    ("first", "second", "never", "becomes"),
    [
        (NO, NO, (), (YES, NO)),
        ("DEFAULT=NO", YES, (), (YES, NO)),
        (YES, "DEFAULT=NO", (), (YES, "DEFAULT=NO")),
        (YES, NO, ("audio_2",), (YES, NEVER)),
        (NO, "DEFAULT=NO", ("audio_2",), (YES, NEVER)),
        (NO, NO, ("audio",), (YES, NO)),
    ],
)
def test_one_audio_rendition_is_the_default_and_it_is_the_named_one(tmp_path, first, second, never, becomes):
    master = tmp_path / "master.m3u8"
    master.write_text(WRITTEN.format(first=first, second=second))

    mark_default_audio(master, "audio", never)

    assert master.read_text() == WRITTEN.format(first=becomes[0], second=becomes[1])
