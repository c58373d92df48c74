"""What does not fit, and where it is in a value: the way there is told step by step."""

_STEPS_SHOWN = 8


class Misfit(Exception):  # noqa: N818  # it never reaches a caller
    """A part of a value that does not fit. Each level that it passes adds its own step.

    Args:
        problem: of the part: ``is ...``.
        make_error: of what the caller gets.
    """

    def __init__(self, problem: str, make_error: type[Exception] = TypeError) -> None:
        self.problem = problem
        self.steps: list[str] = []  # the innermost first
        self._make_error = make_error

    def to_error(self) -> Exception:
        """The error for the caller."""
        shown = "".join(self.steps[: -_STEPS_SHOWN - 1 : -1])
        if len(self.steps) > _STEPS_SHOWN:
            shown += "..."
        where = f"part {shown} of the value" if shown else "the value"
        return self._make_error(f"{where} {self.problem}")
