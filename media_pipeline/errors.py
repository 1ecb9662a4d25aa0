"""Refusals of the video app; one exception handler turns them into answers."""

from api.errors import Conflict, Refused


class UnusableUpload(Refused):
    """The uploaded file is surely no film, or too large."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason, field="file")


class NoRoom(Refused):
    """The disk is full."""

    status = 507

    def __init__(self) -> None:
        super().__init__("The server has no room for this film.")


class UnknownProject(Refused):
    """The project is not one of the owner's."""

    def __init__(self) -> None:
        super().__init__("You have no such project.", field="project")


class WrongState(Conflict):
    """The film's state does not allow what was asked for."""
