"""When a thread that has failed is started again."""

import attrs


@attrs.frozen(kw_only=True)
class RestartPolicy:
    """How long to wait before a thread that has failed is started again; times are in seconds.

    Attributes:
        first_delay: after the first failure.
        factor: by which the delay grows with each failure that follows.
        longest_delay: which it does not outgrow.
        forgotten_after: a run that lasted so long makes all failures before it forgotten.
    """

    first_delay: float = 1.0
    factor: float = 2.0
    longest_delay: float = 60.0
    forgotten_after: float = 300.0

    def delay_after(self, failures: int) -> float:
        """Seconds to wait after so many failures in a row; 1 is the first."""
        if self.first_delay <= 0:
            return 0.0
        delay = self.first_delay
        for _ in range(failures - 1):
            if delay >= self.longest_delay:
                break
            delay *= self.factor
        return min(delay, self.longest_delay)
