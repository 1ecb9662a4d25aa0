"""What the reports refuse."""

from api.errors import Refused


class NotOverYet(Refused):
    """The period asked about is still running, or has not begun."""

    def __init__(self) -> None:
        super().__init__("The period must be over.", field="day")
