"""What probing left in a video's row, as the engine's own values."""

from media_pipeline.engine.audio_tracks import AudioTrack, read_audio_tracks
from media_pipeline.engine.plan import Film, Plan
from media_pipeline.models import Video


class NotProbed(Exception):
    """A step runs before its video has a plan: a bug in the pipeline."""


def film_of(video: Video) -> Film:
    """Return what the probe found."""
    if video.film is None:
        raise NotProbed(str(video.pk))
    return Film.from_json(video.film)


def plan_of(video: Video) -> Plan:
    """Return the plan that the video is encoded by."""
    if video.plan is None:
        raise NotProbed(str(video.pk))
    return Plan.from_json(video.plan)


def audio_tracks_of(video: Video) -> tuple[AudioTrack, ...]:
    """Return the audio tracks that the video has, the default one first; none before it is probed."""
    return () if video.plan is None else read_audio_tracks(video.plan)
