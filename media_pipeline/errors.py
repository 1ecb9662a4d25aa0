"""Refusals of the video app; one exception handler turns them into answers."""

from api.errors import Conflict, NotFound, Refused, TooMany


class UnusableUpload(Refused):
    """The uploaded file is surely no video, or too large."""

    def __init__(self, reason: str, *, field: str = "file") -> None:
        super().__init__(reason, field=field)


class NoRoom(Refused):
    """The disk is full."""

    status = 507

    def __init__(self) -> None:
        super().__init__("The server has no storage left for this video.")


class TooManyVideos(TooMany):
    """The user has as many videos under way as one may have."""


class QuotaUsedUp(Refused):
    """The user has as many videos, or as many bytes of them, as one may have."""


class UnknownProject(Refused):
    """The project is not one of the owner's."""

    def __init__(self) -> None:
        super().__init__("You have no such project.", field="project")


class WrongState(Conflict):
    """The video's state does not allow what was asked for."""


class UnusableText(Refused):
    """The text track that was sent is none, or is wrong at a line."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason, field="subtitles")


class UnknownLanguage(Refused):
    """The language of a text track is no language."""

    def __init__(self) -> None:
        super().__init__("This is not a BCP 47 language tag, such as en, pt-BR or und.", field="language")


class TooManyTracks(Refused):
    """The video has as many text tracks as it may have."""

    def __init__(self, limit: int) -> None:
        super().__init__(
            f"The video has {limit} text tracks, the maximum. Remove one first.", field="subtitles"
        )


class NoSuchTrack(NotFound):
    """The video has no text track of that language and kind."""

    def __init__(self) -> None:
        super().__init__("The video has no such text track.")


class TooManyStreams(TooMany):
    """The user has as many event streams open as one may have."""

    def __init__(self, limit: int) -> None:
        super().__init__(f"You have {limit} event streams open, the maximum.", retry_after=5)


# Resumable uploads, with the statuses that tus 1.0 and its servers give.


class TooManyUploads(TooMany):
    """The user has as many uploads without a video as one may have."""


class TooLarge(Refused):
    """More than a video may have, or more than this one was said to have."""

    status = 413


class WrongOffset(Conflict):
    """The client would go on where the upload does not end."""


class WrongChecksum(Refused):
    """What came is not what was sent."""

    status = 460  # tus's own


class UploadBusy(Refused):
    """Another request is writing to the upload."""

    status = 423

    def __init__(self) -> None:
        super().__init__("Another request is writing to this upload.")


class UploadGone(Refused):
    """The upload was there: its time is up, a video was made of it, or its file is lost."""

    status = 410


class CutOff(Refused):
    """The body broke off, or nothing more of it came; whoever still listens may go on."""

    status = 408

    def __init__(self) -> None:
        super().__init__("The request body ended early. Request the offset and continue from there.")


class UnknownUpload(Refused):
    """The upload that a video is wanted of is not one of the owner's."""

    def __init__(self) -> None:
        super().__init__("You have no such upload.", field="upload")


class WrongUpload(Conflict):
    """No video can be made of the upload: it is not whole yet, or was used."""
