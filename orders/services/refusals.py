"""Refusals: what can't be done, and why, for programs and for people."""


class InvalidInput(ValueError):
    """What was given can't be done: `code` for programs, `field` where, `message` for people."""

    def __init__(self, code: str, field: str, message: str) -> None:
        """Say what is wrong."""
        super().__init__(message)
        self.code = code
        self.field = field
        self.message = message


class InvalidOrder(InvalidInput):
    """An order that can't be placed."""


class InvalidCancel(InvalidInput):
    """A cancellation that can't be asked for."""


class InvalidReturn(InvalidInput):
    """A return or an exchange that can't be asked for."""


class InvalidCredit(InvalidInput):
    """Money that can't be given."""


class InvalidDecision(InvalidInput):
    """A case that can't be decided so."""
