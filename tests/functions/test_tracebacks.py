"""A board's traceback shows the files and lines of the host."""

import re

import pytest

from belay_actors import Device, RemoteError
from belay_actors.functions import BoardText, SentText, closure, host_traceback
from modules import load, task_of

TEXT = """
    LIMIT = 0

    @task
    def f(n):
        '''Fails.'''
        values = [
            n,
            1,
        ]

        def helper(x):
            return divide(x)

        return [
            (lambda v: helper(v))(v) for v in values
        ]

    @task(name="divide_by_limit")
    def divide(x):
        # It is zero.
        if x:
            class Thing:
                size = 1 // LIMIT
        return x
    """


async def failing(device: Device, *, is_small: bool) -> str:
    names = load(TEXT)
    function = task_of(names)
    sent: list[SentText] = []
    for unit in closure(function.unit("linux", "micropython")):
        text = unit.small if is_small else unit.full
        await device.execute(text.source)
        sent.append(SentText(unit.file, text))
    with pytest.raises(RemoteError) as caught:
        await device.execute("f(5)")
    return host_traceback(caught.value.traceback, sent).replace(str(names["__file__"]), "/host.py")


@pytest.mark.parametrize("is_small", [False, True])
async def test_every_frame_is_one_of_the_host(device: Device, is_small: bool) -> None:
    assert await failing(device, is_small=is_small) == (
        "Traceback (most recent call last):\n"
        '  File "<string>", line 1, in <module>\n'
        '  File "/host.py", line 15, in f\n'
        '  File "/host.py", line 15, in <listcomp>\n'
        '  File "/host.py", line 15, in <lambda>\n'
        '  File "/host.py", line 13, in helper\n'
        '  File "/host.py", line 23, in divide_by_limit\n'
        '  File "/host.py", line 24, in Thing\n'
        "ZeroDivisionError: divide by zero\n"
    )


def frames(*frames: tuple[int, str]) -> str:
    return "".join(f'  File "<string>", line {line}, in {name}\n' for line, name in frames)


def sent(file: str, offset: int, *names: str) -> SentText:
    lines = tuple(range(offset, offset + 10))
    return SentText(file, BoardText("\n" * 10, lines, frozenset(names)))


A = sent("a.py", 100, "a", "helper", "<lambda>")
B = sent("b.py", 200, "b", "helper", "<lambda>", "only")


def places(traceback: str, *texts: SentText) -> list[str]:
    return re.findall(r'File "(.*?)", line', host_traceback(traceback, texts))


def test_an_inner_function_belongs_to_the_nearest_frame_around_it() -> None:
    a_to_b = frames((2, "a"), (3, "helper"), (4, "b"), (5, "helper"), (6, "<lambda>"))
    assert places(a_to_b, A, B) == ["a.py", "a.py", "b.py", "b.py", "b.py"]
    assert 'File "b.py", line 204, in helper' in host_traceback(a_to_b, [A, B])


def test_a_callback_is_found_further_out() -> None:
    inside = sent("c.py", 300, "c")
    assert places(frames((2, "a"), (3, "c"), (4, "<lambda>")), A, B, inside)[-1] == "a.py"


def test_a_unique_function_needs_no_frame_around_it() -> None:
    assert places(frames((2, "only")), A, B) == ["b.py"]
    assert places(frames((2, "<module>"), (2, "b")), A, B) == ["<string>", "b.py"]


def test_what_is_not_known_stays_as_it_is() -> None:
    traceback = (
        "Traceback (most recent call last):\n"
        + frames((2, "helper"), (3, "other"), (11, "a"), (0, "a"))
        + '  File "lib.py", line 2, in a\n'
        + 'ValueError: File "<string>", line 2, in a\n'
    )
    assert host_traceback(traceback, [A, B]) == traceback


def test_the_ends_of_lines_stay_as_they_are() -> None:
    assert host_traceback('  File "<string>", line 2, in a\r\n', [A]) == (
        '  File "a.py", line 101, in a\r\n'
    )
