"""The plan of one soak: how much of everything, for how long, and the seed that it follows from.

Nothing here knows what a board is. What a plan says can be told on the command line, so that a soak
that went wrong can be run again by the line it prints first.
"""

import argparse
import secrets
from collections.abc import Sequence

import attrs

from belay_actors import DeviceOptions, SessionManagementOptions

# The recovery grace is the usual one: a board that is given up only because it is busy would be a
# finding. The attach timeout is ten times the usual, for one reason: a fault may pause an
# interpreter that has just started, for up to twice the grace. (Load is no reason: where 50 started
# at once on two busy cores, the longest took 0.4 s.)
_ATTACH_TIMEOUT = 30.0
_RECOVERY_GRACE = 5.0
_STUCK_AFTER = 60.0


@attrs.frozen(kw_only=True)
class Plan:
    """What a soak is made of.

    Attributes:
        seconds: that the sessions work; opening and closing come on top.
        seed: of everything that is left to chance.
        boards: how many interpreters.
        sessions: how many workers; each has one session open at almost every moment.
        faults_per_minute: what is done to each board from outside, on average.
        pause: mean seconds that a worker rests between two things it does.
        stuck_after: seconds without any progress after which a worker counts as stuck.
        device_options: of all boards; every third has its code sent by raw-paste.
    """

    seconds: float = 600.0
    seed: int
    boards: int = 50
    sessions: int = 200
    faults_per_minute: float = 2.0
    pause: float = 0.3
    stuck_after: float = _STUCK_AFTER
    device_options: DeviceOptions = attrs.field(
        factory=lambda: DeviceOptions(
            attach_timeout=_ATTACH_TIMEOUT, recovery_grace=_RECOVERY_GRACE
        )
    )

    def options_of(self, board: int) -> DeviceOptions:
        """Of the board of that number."""
        is_third = board % 3 == 2
        return attrs.evolve(self.device_options, upload="raw-paste" if is_third else "auto")

    @property
    def session_options(self) -> SessionManagementOptions:
        """Of the manager that most sessions are opened by: room for those that boards share."""
        return SessionManagementOptions(max_concurrent_sessions=self.sessions + self.boards)

    @property
    def command(self) -> str:
        """What to type for the same soak."""
        return (
            f"python -m tests.soak --minutes {self.seconds / 60:g} --seed {self.seed}"
            f" --boards {self.boards} --sessions {self.sessions}"
            f" --faults {self.faults_per_minute:g} --pause {self.pause:g}"
        )


def read_plan(arguments: Sequence[str] | None = None) -> Plan:
    """Reads the command line; the seed is a new one if it names none."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    default = Plan(seed=0)
    parser.add_argument("minutes", nargs="?", type=float, help="how long the sessions work")
    parser.add_argument("--minutes", dest="minutes_option", type=float, help="the same")
    parser.add_argument("--seed", type=int, default=secrets.randbelow(10**6))
    parser.add_argument("--boards", type=int, default=default.boards)
    parser.add_argument("--sessions", type=int, default=default.sessions)
    parser.add_argument(
        "--faults",
        type=float,
        default=default.faults_per_minute,
        help="kills, pauses, resets and closings of each board a minute (%(default)s)",
    )
    parser.add_argument(
        "--pause",
        type=float,
        default=default.pause,
        help="mean seconds that a session rests between two things it does (%(default)s)",
    )
    found = parser.parse_args(arguments)
    minutes = found.minutes_option or found.minutes or default.seconds / 60
    return Plan(
        seconds=minutes * 60,
        seed=found.seed,
        boards=found.boards,
        sessions=found.sessions,
        faults_per_minute=found.faults,
        pause=found.pause,
    )
