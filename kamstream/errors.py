"""Errors that are meant for a person."""


class UserError(Exception):
    """Something the user can put right; the command line prints it as one line, without a traceback.

    ``exit_code`` is 1 where the work failed and 2 where the command was used wrongly.
    """

    def __init__(self, message: str, *, exit_code: int = 1) -> None:
        super().__init__(message)
        self.exit_code = exit_code
