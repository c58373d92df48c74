"""From nothing: how long an import takes, and how long until the first result is there.

Each is measured in fresh processes, which take turns.
"""

import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack

import trio

from figures import FLOOR, OURS, Figure, Settings
from local import URL
from peers import installed, open_port
from timing import summarise

IMPORT = "import"
START = "start to first result"
LOCAL_START = "start to first result, the interpreter started, too"
_RUNS = 9
_SHORT_RUNS = 3

_IMPORTS = {
    OURS: "belay_actors",
    "trio": "trio",
    "belay": "belay",
    "mpremote": "mpremote.transport_serial",
    "mpytool": "mpytool",
}
_IMPORT_PROGRAM = """\
import time
start = time.perf_counter()
import {module}
print(time.perf_counter() - start)
"""

# Programs that evaluate 1+1 on a board that runs already, as short as each library lets them be.
_OURS_PROGRAM = """\
import trio
from belay_actors import open_device
async def main():
    async with open_device({url!r}) as device:
        print(await device.evaluate("1+1"), flush=True)
trio.run(main)
"""
_PROGRAMS = {
    FLOOR: """\
import os
port = os.open({port!r}, os.O_RDWR | os.O_NOCTTY)
def read_until(end):
    data = b""
    while not data.endswith(end):
        data += os.read(port, 1024)
    return data
os.write(port, b"\\x03\\x03\\x01")
read_until(b"raw REPL; CTRL-B to exit\\r\\n>")
os.write(port, b"print(1+1)\\x04")
print(int(read_until(b"\\x04>")[2:-3]), flush=True)
os.write(port, b"\\x02")
read_until(b">>> ")
""",
    "belay": """\
from belay import Device
from belay.pyboard import Pyboard
enter = Pyboard.enter_raw_repl
Pyboard.enter_raw_repl = lambda board, soft_reset: enter(board, soft_reset=False)
device = Device({port!r}, startup="")
print(device("1+1"), flush=True)
device.close()
""",
    "mpremote": """\
from mpremote.transport_serial import SerialTransport
transport = SerialTransport({port!r})
transport.enter_raw_repl(soft_reset=False)
print(transport.eval("1+1"), flush=True)
transport.exit_raw_repl()
transport.close()
""",
    "mpytool": """\
from mpytool import ConnSerial, MpyComm
connection = ConnSerial(port={port!r}, baudrate=115200)
communication = MpyComm(connection)
print(communication.exec_eval("1+1"), flush=True)
communication.exit_raw_repl()
connection.close()
""",
}


async def imports(settings: Settings) -> Sequence[Figure]:
    """``import`` in a fresh process, in seconds of its own clock."""
    wanted = (OURS, "trio", *installed())
    programs = {name: _IMPORT_PROGRAM.format(module=_IMPORTS[name]) for name in wanted}
    taken: dict[str, list[float]] = {name: [] for name in programs}
    for turn in range(_turns(settings)):
        for name, program in programs.items():
            done = await trio.run_process([sys.executable, "-c", program], capture_stdout=True)
            if turn:
                taken[name].append(float(done.stdout) * 1000)
    return [summarise(IMPORT, name, values, "ms") for name, values in taken.items()]


async def startup(settings: Settings) -> Sequence[Figure]:
    """From the start of a process to the line with the result of ``1+1``."""
    await trio.lowlevel.checkpoint()
    with ExitStack() as stack:
        programs = {
            name: _PROGRAMS[name].format(port=stack.enter_context(open_port()))
            for name in (FLOOR, *installed())
        }
        port = stack.enter_context(open_port())
        programs[OURS] = _OURS_PROGRAM.format(url=f"serial:{port}")
        figures = _time_programs(START, programs, settings)
    figures += _time_programs(LOCAL_START, {OURS: _OURS_PROGRAM.format(url=URL)}, settings)
    return figures


def _turns(settings: Settings) -> int:
    return 1 + (_SHORT_RUNS if settings.is_short else _RUNS)  # the first is to warm up


def _time_programs(row: str, programs: Mapping[str, str], settings: Settings) -> list[Figure]:
    taken: dict[str, list[float]] = {name: [] for name in programs}
    for turn in range(_turns(settings)):
        for name, program in programs.items():
            seconds = _time_first_line(program)
            if turn:
                taken[name].append(seconds * 1000)
    return [summarise(row, name, values, "ms") for name, values in taken.items()]


def _time_first_line(program: str) -> float:
    start = time.perf_counter()
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        seconds = time.perf_counter() - start
    if line != b"2\n" or process.returncode:
        raise RuntimeError(f"a program ended with {process.returncode} and said {line!r}")
    return seconds
