"""Where a source's clock jumps, as the packets of its streams tell."""

from fractions import Fraction
from itertools import pairwise
from types import SimpleNamespace

from hypothesis import given
from hypothesis import strategies as st

from media_pipeline.engine.demuxer.clock import BACK_SECONDS, Clock

BASE = Fraction(1, 1000)
PICTURE, SOUND = 0, 1


def a_packet(stream, at, *, byte, length=40):
    return SimpleNamespace(
        stream_index=stream, pts=at, dts=at, duration=length, pos=byte, size=100, time_base=BASE
    )


def fed(*packets):
    """Return a clock that saw these (stream, milliseconds), in the order of the file."""
    clock = Clock()
    for number, (stream, at) in enumerate(packets):
        clock.add(a_packet(stream, at, byte=1000 * number))
    return clock


def both(*instants):
    return [(stream, at) for at in instants for stream in (PICTURE, SOUND)]


def test_a_steady_clock_does_not_jump():
    assert not fed(*both(*range(0, 4000, 40))).jumps()


def test_a_stream_that_pauses_while_another_goes_on_does_not_jump():
    sound = [(SOUND, at) for at in range(400, 30_000, 40)]

    clock = fed(*both(*range(0, 400, 40)), *sound, *both(*range(30_000, 30_400, 40)))

    assert not clock.jumps()


def test_all_streams_that_pause_for_longer_than_ten_seconds_jump():
    clock = fed(*both(*range(0, 400, 40)), *both(*range(30_000, 30_400, 40)))

    assert clock.offsets() == {stream: [0, Fraction(-296, 10)] for stream in (PICTURE, SOUND)}


def test_one_picture_with_a_mad_time_moves_nothing_else():
    steady = both(*range(0, 4000, 40))

    clock = fed(*steady[:100], (PICTURE, 5_000_000), *steady[100:])

    first, mad, rest = clock.offsets()[PICTURE]
    assert (first, rest, clock.offsets()[SOUND]) == (0, 0, [0])
    assert 0 <= 5000 + mad <= 15


def test_sound_of_the_old_part_may_come_behind_the_first_picture_of_the_new_one():
    """Their order in the file is that of the bytes, not that in which libav hands them out."""
    clock = Clock()
    for stream, at, byte in (
        *((PICTURE, 0, 0), (SOUND, 0, 1), (PICTURE, 40, 2)),
        *((PICTURE, 9000, 10), (SOUND, 40, 3), (PICTURE, 9040, 12), (SOUND, 9000, 11), (SOUND, 9040, 13)),
        *((PICTURE, 0, 20), (PICTURE, 40, 22), (SOUND, 0, 21)),
    ):
        clock.add(a_packet(stream, at, byte=byte))

    picture, sound = clock.offsets()[PICTURE], clock.offsets()[SOUND]
    assert picture[-1] == sound[-1] == Fraction(9080, 1000)


@given(st.lists(st.integers(-10_000_000, 10_000_000), min_size=1, max_size=6))
def test_parts_never_overlap_and_streams_stay_together(starts):
    clock = Clock()
    found: dict[int, list[tuple[int, int]]] = {PICTURE: [], SOUND: []}
    byte = 0
    for start in starts:
        for at in range(start, start + 2000, 40):
            for stream in (PICTURE, SOUND):
                byte += 1000
                found[stream].append((at, clock.add(a_packet(stream, at, byte=byte))))

    offsets = clock.offsets()

    times = {
        stream: [at * BASE + offsets[stream][run] for at, run in packets] for stream, packets in found.items()
    }
    assert times[PICTURE] == times[SOUND]
    # A jump ahead by less than ten seconds may be a gap, a step back by a tenth the order of decoding: both are left.
    assert all(-BACK_SECONDS <= later - earlier <= 11 for earlier, later in pairwise(times[SOUND]))
    parts = [times[SOUND][first : first + 50] for first in range(0, len(times[SOUND]), 50)]
    assert all(later[-1] > earlier[-1] for earlier, later in pairwise(parts))
