"""What every expected failure is."""

from typing import Any, ClassVar


class AppError(Exception):
    """An expected failure: `status` is its HTTP status, `context` is JSON for programs.

    `message` is all that a page shows. `hint` names the command or the request that helps; the API and the command line
    add it, so `str(error)` is both.
    """

    status: ClassVar[int] = 400

    def __init__(self, message: str, *, hint: str = "", **context: Any) -> None:
        super().__init__(f"{message} {hint}".rstrip())
        self.message = message
        self.context = context
