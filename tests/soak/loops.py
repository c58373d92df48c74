"""Endless programs, to be cancelled: each is endless in its own way."""

from random import Random

_STUBBORN = """\
try:
    while True: pass
except KeyboardInterrupt: pass
while True: pass
"""

# The unix port's handler of SIGINT may jump out of the middle of an allocation and leave the heap
# locked, so the last one is rare: it ends in a restart by force in 1 to 3 of 100 times.
_LOOPS = {
    "while True: pass": 8,
    "import time\ntime.sleep(1000)": 8,
    "import time\nwhile True: time.sleep_ms(1)": 8,
    "def run():\n    while True:\n        try: pass\n        except Exception: pass\nrun()": 4,
    "span = range(10**9)\nwhile True: sum(span)": 2,
    "text = 'x' * 50\nwhile True: print(text)": 2,
    "print('\\x04\\x04>', end='')\nwhile True: pass": 2,
    _STUBBORN: 1,
    "while True:\n    try: 1 / 0\n    except Exception: pass": 1,
}


def draw_loop(chance: Random) -> str:
    """Returns one of them."""
    (code,) = chance.choices([*_LOOPS], [*_LOOPS.values()])
    return code
