"""Host and boards are kept where they are measured, and may run anywhere afterwards."""

import os
import subprocess
import sys

import pytest

from placement import apart, find_below, together

pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or len(os.sched_getaffinity(0)) < 2, reason="needs two cores of Linux"
)


def test_host_and_children_are_apart_and_free_again() -> None:
    before = os.sched_getaffinity(0)
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        with apart():
            host, board = os.sched_getaffinity(0), os.sched_getaffinity(child.pid)
        assert os.sched_getaffinity(child.pid) == before
        child.communicate(b"\n")
    assert len(host) == len(board) == 1
    assert host != board
    assert os.sched_getaffinity(0) == before


def test_without_children_the_host_may_run_anywhere() -> None:
    before = os.sched_getaffinity(0)
    with apart():
        assert os.sched_getaffinity(0) == before


def test_boards_are_together_and_free_again() -> None:
    before = os.sched_getaffinity(0)
    code = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'print(); input()'])"
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as child:
        assert child.stdout is not None
        child.stdout.readline()
        (board,) = find_below(child.pid)
        assert {child.pid, board} <= {*find_below(os.getpid())}
        with together([board]):
            places = [os.sched_getaffinity(process) for process in (0, child.pid, board)]
        assert os.sched_getaffinity(board) == before
        child.communicate(b"\n")
    assert places[:2] == [before, before]
    assert len(places[2]) == 1
