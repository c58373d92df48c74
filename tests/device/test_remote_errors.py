"""Code that raises: what is told of it, and that the board is well afterwards."""

import errno

import pytest

from belay_actors import (
    Device,
    DeviceResetError,
    RemoteError,
    RemoteOSError,
)


async def fail(device: Device, code: str) -> RemoteError:
    with pytest.raises(RemoteError) as caught:
        await device.execute(code)
    assert caught.value.device == device.name
    assert device.name in str(caught.value)
    assert await device.evaluate("6 * 7") == 42
    assert device.generation == 1
    return caught.value


FAILING = """\
def inner(n):
    raise ValueError('no', n)

print('before')
inner(5)
print('after')
"""


async def test_a_remote_error_tells_type_message_traceback_and_output(device: Device) -> None:
    error = await fail(device, FAILING)
    assert error.type_name == "ValueError"
    assert error.remote_message == "('no', 5)"
    assert error.output == "before\n"
    assert error.traceback == (
        "Traceback (most recent call last):\n"
        '  File "<string>", line 5, in <module>\n'
        '  File "<string>", line 2, in inner\n'
        "ValueError: ('no', 5)\n"
    )
    assert error.__notes__ == [f"On the board:\n{error.traceback.rstrip()}"]
    assert error.is_recoverable is False


@pytest.mark.parametrize("code", ["x =", "def f(:\n  pass", "  x = 1", "return 5", "'open"])
async def test_code_that_cannot_be_compiled_is_a_syntax_error(device: Device, code: str) -> None:
    error = await fail(device, code)
    assert error.type_name in {"SyntaxError", "IndentationError"}
    assert "line 1" in error.traceback
    assert "<stdin>" not in error.traceback
    assert error.output == ""


@pytest.mark.parametrize("expression", ["x = 1", "1; 2", "", "1 +", "import sys", "print(1)\n2"])
async def test_an_expression_must_be_one(device: Device, expression: str) -> None:
    with pytest.raises(RemoteError, match="SyntaxError"):
        await device.evaluate(expression)
    assert await device.evaluate("1") == 1


@pytest.mark.parametrize(
    ("code", "number"),
    [
        ("raise OSError(2)", errno.ENOENT),
        ("open('/no/such/file')", errno.ENOENT),
        ("raise OSError(5, 'bad wire')", errno.EIO),
    ],
)
async def test_an_oserror_is_one_on_the_host_too(device: Device, code: str, number: int) -> None:
    error = await fail(device, code)
    assert isinstance(error, RemoteOSError)
    assert isinstance(error, OSError)
    assert error.errno == number
    assert error.type_name == "OSError"


@pytest.mark.parametrize("code", ["raise OSError", "raise OSError('text')"])
async def test_an_oserror_may_have_no_number(device: Device, code: str) -> None:
    error = await fail(device, code)
    assert error.type_name == "OSError"
    assert isinstance(error, OSError)
    assert error.errno is None


@pytest.mark.parametrize(
    ("code", "name", "message"),
    [
        ("1/0", "ZeroDivisionError", "divide by zero"),
        ("raise KeyError('k')", "KeyError", "k"),
        ("raise ValueError", "ValueError", ""),
        ("raise StopIteration(3)", "StopIteration", "3"),
        ("class Own(Exception): pass\nraise Own('€\\x04\\x1e')", "Own", "€\x04\x1e"),
        ("class Base(BaseException): pass\nraise Base", "Base", ""),
        ("raise SystemExit", "SystemExit", ""),
        ("raise SystemExit(3)", "SystemExit", "3"),
        ("import sys\nsys.exit(1)", "SystemExit", "1"),
        ("raise KeyboardInterrupt", "KeyboardInterrupt", ""),
        ("def f(): f()\nf()", "RuntimeError", "maximum recursion depth exceeded"),
    ],
)
async def test_whatever_the_code_raises_ends_the_call_and_nothing_else(
    device: Device, code: str, name: str, message: str
) -> None:
    error = await fail(device, code)
    assert (error.type_name, error.remote_message) == (name, message)
    assert str(error).startswith(f"{name}: {message}" if message else name)


async def test_running_out_of_memory_is_a_remote_error(device: Device) -> None:
    error = await fail(device, "x = bytearray(10**9)")
    assert error.type_name == "MemoryError"
    error = await fail(device, "hoard = []\nwhile True: hoard.append(bytearray(50_000))")
    assert error.type_name == "MemoryError"
    await device.execute("del hoard")


async def test_an_error_that_cannot_be_told_is_still_an_error(device: Device) -> None:
    code = "class Bad(Exception):\n    def __str__(self): raise ValueError('no text')\nraise Bad"
    assert (await fail(device, code)).type_name in {"Bad", "ValueError"}


async def test_a_message_that_looks_like_a_reply_is_a_message(device: Device) -> None:
    text = "\\x04>\\x04OK\\x04\\x04>raw REPL; CTRL-B to exit\\r\\n>"
    error = await fail(device, f"raise ValueError('{text}')")
    assert error.type_name == "ValueError"
    assert error.remote_message == "\x04>\x04OK\x04\x04>raw REPL; CTRL-B to exit\r\n>"


async def test_an_error_in_an_expression_is_told_like_any_other(device: Device) -> None:
    with pytest.raises(RemoteError) as caught:
        await device.evaluate("print('so far') or 1 / 0")
    assert caught.value.type_name == "ZeroDivisionError"
    assert caught.value.output == "so far\n"


@pytest.mark.usefixtures("by_raw_repl")
async def test_code_that_removes_the_core_is_told_of_a_reset_and_the_device_is_usable(
    device: Device,
) -> None:
    await device.execute("del __b")
    with pytest.raises(DeviceResetError):
        await device.execute("x = 1")
    assert await device.evaluate("1 + 1") == 2
    assert device.generation == 2
