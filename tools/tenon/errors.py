"""How the command fails: every error of Tenon itself is one exception and exit status 125."""

EXIT_TIMEOUT = 124
EXIT_TENON = 125


class TenonError(Exception):
    """Tenon itself failed. The text is for the person at the terminal; `detail` goes below it."""

    def __init__(self, message: str, detail: str = ""):
        super().__init__(message)
        self.detail = detail


class GuestTimeout(TenonError):
    """The time the caller gave has passed."""
