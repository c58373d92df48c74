"""Replies, tracebacks, probe answers and background output that no honest core would send."""

import contextlib
import time
import tracemalloc

import pytest
from hypothesis import given, settings, strategies as st

from belay_actors.device import RecentText
from belay_actors.device._capabilities import Probed, parse_probe
from belay_actors.device._news import Reply
from belay_actors.device._outcome import remote_error_from_tail, to_text, to_value
from belay_actors.errors import BelayError, RemoteError, UnsupportedValueError
from belay_actors.wire import Replied, ReplyKind

SIZE = 1_000_000


def reply(kind: ReplyKind, payload: bytes, traceback: bytes = b"", output: bytes = b"") -> Reply:
    return Reply(Replied(7, kind, payload, traceback), output)


def outcome(reply: Reply) -> object:
    """What a call comes to: a value, or an error of the library."""
    try:
        return to_value(reply, "\r\n", "board", "session")
    except BelayError as error:
        return error


def quoted(text: str) -> bytes:
    return repr(text).encode()


PAYLOADS: dict[str, bytes] = {
    "dots": quoted("<class '" + "." * SIZE),
    "dots and an end": quoted("<class '" + "." * SIZE + "'>"),
    "quotes": quoted("<class '" * (SIZE // 8)),
    "a long name": quoted("<class '" + "x" * SIZE + "'>"),
    "line ends": quoted("<class '" + "\n" * SIZE + "'>"),
    "a number": b"1",
    "a long number": b"9" * 4300,
    "a list": b"[" + b"1, " * (SIZE // 3) + b"1]",
    "nothing": b"",
    "no value": b"<object>",
    "a dict": b"{1: 2}",
    "two parts": b"('a', 'b')",
    "three numbers": b"(1, 2, 3)",
    "four parts": b"('a', 'b', False, 1)",
    "an error of dots": b"(" + quoted("<class '" + "." * SIZE) + b", '', False)",
    "a long message": b"('E', " + quoted("x" * SIZE) + b", False)",
    "a long errno": b"('OSError', '', [" + b"9" * 4300 + b"])",
    "an errno that is none": b"('OSError', '', ['a', None, True, {}])",
    "no errno": b"('OSError', '', [])",
    "many numbers": b"('OSError', '', [" + b"'a', " * (SIZE // 5) + b"1])",
    "control characters": b"('\\x00\\x1b[2J', '\\r\\n', False)",
    "surrogates": b"('\\ud800', '\\udfff', False)",
}


@pytest.mark.parametrize("kind", ReplyKind)
@pytest.mark.parametrize("attack", PAYLOADS)
def test_a_reply_that_no_core_sends_comes_to_a_value_or_a_typed_error(
    attack: str, kind: ReplyKind
) -> None:
    began = time.process_time()
    result = outcome(reply(kind, PAYLOADS[attack]))
    assert time.process_time() - began < 5
    if kind is not ReplyKind.VALUE:
        assert isinstance(result, RemoteError | UnsupportedValueError)


@pytest.mark.parametrize("attack", ["dots", "quotes", "a long name", "line ends", "a list"])
def test_the_name_of_a_type_is_shown_in_part(attack: str) -> None:
    error = outcome(reply(ReplyKind.UNSENDABLE, PAYLOADS[attack]))
    assert isinstance(error, UnsupportedValueError)
    assert len(str(error)) < 500


TRACEBACKS = [
    b"\r\n" * (SIZE // 20),
    b"\n" + b"  File " * 9000,
    b"  File " + b", in __belay__" * 4500,
    b'  File "<stdin>"\n' * 3800,
    b"\xff" * 64_000,
    b"\x1e" * 64_000,
    b"\xe2\x82" * 32_000,
]


@pytest.mark.parametrize("traceback", TRACEBACKS, ids=range(len(TRACEBACKS)))
def test_a_traceback_that_is_none_is_shown_as_it_is(traceback: bytes) -> None:
    began = time.process_time()
    payload = b"(\"<class 'RuntimeError'>\", 'maximum recursion depth exceeded', False)"
    error = outcome(reply(ReplyKind.ERROR, payload, traceback))
    assert isinstance(error, RemoteError | UnsupportedValueError)
    assert time.process_time() - began < 2


LITERALS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.tuples(inner, inner, inner)
        | st.tuples(st.text(), st.text(), st.lists(inner, max_size=2))
    ),
    max_leaves=6,
).map(lambda value: repr(value).encode())


@settings(max_examples=300, deadline=None)
@given(
    kind=st.sampled_from(ReplyKind),
    payload=LITERALS | st.binary(max_size=30),
    traceback=st.binary(max_size=60),
    output=st.binary(max_size=30),
)
def test_any_reply(kind: ReplyKind, payload: bytes, traceback: bytes, output: bytes) -> None:
    outcome(reply(kind, payload, traceback, output))


TAILS = st.lists(
    st.sampled_from(
        [b"\x04", b"\x04>", b"Traceback", b"\r\n", b"\n", b"Name: ", b"x", b":", b" ", b"\xff",
         b"\x0b", b"\x1c", b"\xc2\x85"]
    ) | st.binary(max_size=3)
).map(b"".join)  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(TAILS)
def test_any_end_of_the_output_of_a_call_without_reply(tail: bytes) -> None:
    error = remote_error_from_tail(tail, "\r\n", "board", None)
    assert error is None or isinstance(error, RemoteError)


@settings(max_examples=300, deadline=None)
@given(LITERALS | st.binary(max_size=30), st.binary(max_size=10))
def test_any_answer_of_a_probe(payload: bytes, output: bytes) -> None:
    with contextlib.suppress(ValueError):
        assert isinstance(parse_probe(payload, output), Probed)


@pytest.mark.parametrize(
    "payload",
    [
        b"'" + b"x" * SIZE + b"'",
        b"[" + b"1, " * (SIZE // 3) + b"1]",
        b"('micropython', (1, 29), 'linux', '', False, [" + b"1, " * (SIZE // 3) + b"1])",
        b"('micropython', (1, 29), 'linux', '', False, [1, 1])",
        b"('micropython', (1, 29), 'linux', '', 0, [1, 1, 1])",
        b"('micropython', [1, 29], 'linux', '', False, [1, 1, 1])",
        b"(" + b"9" * 4300 + b",)",
    ],
    ids=range(7),
)
def test_an_absurd_answer_of_a_probe_is_refused_shortly(payload: bytes) -> None:
    with pytest.raises(ValueError, match=r"unexpected|values to unpack") as caught:
        parse_probe(payload, b"\r\n")
    assert len(str(caught.value)) < 600


def test_output_without_utf_8_takes_memory_in_proportion() -> None:
    data = b"\xff" * 4_000_000
    tracemalloc.start()
    try:
        to_text(data, "\r\n")
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 10 * len(data)


@pytest.mark.parametrize("unit", ["", "x", "\u4e00", "\n" * 70], ids=ascii)
def test_background_output_in_any_pieces_is_bounded(unit: str) -> None:
    recent = RecentText()
    texts = [unit and chr(ord(unit[0]) + number) + unit[1:] for number in range(1000)]
    tracemalloc.start()
    try:
        for _ in range(500):
            for text in texts:
                recent.add(f"{text}")
        size, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert size < 1_000_000
    assert len(str(recent)) <= 64 * 1024


def test_background_output_keeps_its_order_in_any_pieces() -> None:
    recent = RecentText()
    for number in range(100_000):
        recent.add(str(number % 10))
        recent.add("")
    assert str(recent) == ("0123456789" * 10_000)[-64 * 1024 :]
