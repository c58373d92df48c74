"""Host and boards are kept apart while they are measured, and may run anywhere afterwards."""

import os
import subprocess
import sys

import pytest

from placement import apart

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
