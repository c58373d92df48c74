"""Targets are judged rightly: with factors and absolute values, of times and of rates."""

import pytest

from figures import FLOOR, OURS, Figure
from report import say
from targets import TARGETS, Target, Verdict, judge

ROW = "a row"


def judge_one(target: Target, *figures: Figure) -> Verdict:
    (verdict,) = judge(figures, [target])
    return verdict


@pytest.mark.parametrize(("ours", "is_met"), [(15.0, True), (16.0, True), (17.0, False)])
def test_a_factor_of_the_floor(ours: float, is_met: bool) -> None:
    verdict = judge_one(
        Target(ROW, OURS, 1.6, FLOOR), Figure(ROW, OURS, ours, "µs"), Figure(ROW, FLOOR, 10, "µs")
    )
    assert verdict.is_met is is_met
    assert verdict.reached == pytest.approx(ours / 10)


def test_a_rate_is_to_be_more() -> None:
    figures = [
        Figure(ROW, OURS, 40, "calls/s", is_rate=True),
        Figure(ROW, "belay", 10, "calls/s", is_rate=True),
    ]
    assert judge_one(Target(ROW, OURS, 4, "belay"), *figures).is_met
    missed = judge_one(Target(ROW, OURS, 8, "belay"), *figures)
    assert missed.miss == 2
    assert say(missed) == "belay_actors ≥ 8 × belay: MISSED by 2.00 ×, 4 × belay"


def test_an_absolute_value() -> None:
    verdict = judge_one(Target(ROW, OURS, 20), Figure(ROW, OURS, 30, "µs"))
    assert say(verdict) == "belay_actors ≤ 20.0 µs: MISSED by 1.50 ×, 30.0 µs"


def test_a_part_of_a_peer_reads_as_one() -> None:
    figures = [Figure(ROW, OURS, 5, "µs"), Figure(ROW, "belay", 100, "µs")]
    verdict = judge_one(Target(ROW, OURS, 1 / 10, "belay"), *figures)
    assert say(verdict) == "belay_actors ≤ 1/10 of belay: met, 1/20 of belay"


def test_what_was_not_measured_has_no_verdict() -> None:
    assert not [*judge([Figure(ROW, OURS, 1, "µs")], [Target(ROW, OURS, 1, "belay")])]
    assert not [*judge([Figure(ROW, "belay", 1, "µs")], [Target(ROW, OURS, 1, "belay")])]


def test_no_target_is_there_twice() -> None:
    assert len({(each.row, each.contender, each.other) for each in TARGETS}) == len(TARGETS)
