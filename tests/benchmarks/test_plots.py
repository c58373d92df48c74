"""What is drawn: ratios to a floor of one board, and calls a second over the number of boards."""

from figures import FLOOR, OURS, Figure
from plots import find_fleets, is_compared


def test_calls_a_second_by_the_number_of_boards() -> None:
    figures = [
        Figure("8 boards: calls of a deployed function", OURS, 80, "calls/s"),
        Figure("1 board: calls of a deployed function", OURS, 10, "calls/s"),
        Figure("1 board, 5 ms away: calls of a deployed function", OURS, 5, "calls/s"),
        Figure("1 board: load of the host's process", OURS, 5, "%"),
    ]
    assert find_fleets(figures) == {"": {OURS: [(8, 80), (1, 10)]}, ", 5 ms away": {OURS: [(1, 5)]}}


def test_times_beside_a_floor_are_compared() -> None:
    ours, floor = Figure("call", OURS, 2, "µs"), Figure("call", FLOOR, 1, "µs")
    assert is_compared([floor, ours])
    assert not is_compared([ours])
    assert not is_compared([Figure("size", OURS, 2, "B"), Figure("size", FLOOR, 1, "B")])
