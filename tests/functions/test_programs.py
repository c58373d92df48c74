"""Programs: members of a class that belong together, on the host and on a board."""

from typing import cast

import pytest

from belay_actors import Device
from belay_actors.errors import UnsupportedFunctionError
from belay_actors.functions import (
    BoardFunction,
    BoundTask,
    DeviceProgram,
    Setup,
    Task,
    arguments_for,
    closure,
    setups_of,
    task,
    tasks_of,
    teardowns_of,
    threads_of,
)
from modules import load, setup_of

PLACE = ("linux", "micropython")
PROGRAM = """
    from belay_actors.board import should_stop
    from belay_actors.functions import DeviceProgram

    OFFSET = 100

    @task
    def plus_offset(n):
        return n + OFFSET

    class Base(DeviceProgram):
        start = 3
        STEP = 2

        @setup
        def prepare(start, factor=10):
            import math
            state = start * factor
            for turn in range(2):
                state += turn

            def bump():
                nonlocal state
                state += 1

            bump()

        @task
        def read(n):
            return state + n + math.floor(0.5)

        @task(name="twice_on_the_board")
        def twice(n):
            return Base.read(n) + read(n)

        @task
        def step(n):
            return plus_offset(n) * Base.STEP

        @task
        def items(n):
            for i in range(n):
                yield twice(i)

        @thread
        def run():
            while not should_stop():
                pass

        @teardown
        def finish():
            global state
            del state

    class Derived(Base):
        start = 5
        STEP = 4
        other: int

        @setup(critical=False)
        def more(other):
            extra = other

        @task
        @staticmethod
        def read(n):
            return n

        @teardown
        def finish_more():
            pass
    """


def program_of(text: str, name: str) -> type[DeviceProgram]:
    program = load(text)[name]
    assert isinstance(program, type)
    assert issubclass(program, DeviceProgram)
    return program


def member_of(program: type[DeviceProgram], name: str) -> Task[..., object]:
    member = getattr(program, name)
    assert isinstance(member, Task)
    return cast("Task[..., object]", member)


async def deploy(device: Device, function: BoardFunction[..., object]) -> None:
    for part in closure(function.unit(*PLACE)):
        await device.execute(part.full.source)


async def run_setups(device: Device, program: type[DeviceProgram]) -> None:
    for function in setups_of(program):
        arguments = function.arguments((), arguments_for(program, function), exact_floats=True)
        await deploy(device, function)
        await device.execute(f"{function.name}({arguments})\ndel {function.name}")


async def test_members_use_what_setups_have_made_and_each_other(device: Device) -> None:
    program = program_of(PROGRAM, "Base")
    await run_setups(device, program)
    twice = member_of(program, "twice")
    assert twice.unit(*PLACE).name == "twice_on_the_board"
    assert {part.name: part.wants for part in closure(twice.unit(*PLACE))} == {
        "read": {"state", "math"},
        "twice_on_the_board": frozenset(),
    }
    await deploy(device, twice)
    assert await device.evaluate("twice_on_the_board(4)") == 2 * (30 + 1 + 1 + 4)
    await deploy(device, member_of(program, "step"))
    assert await device.evaluate("step(4)") == 208
    items = program.__dict__["items"].__get__(None, program)
    await deploy(device, items)
    assert await device.evaluate("list(items(2))") == [64, 66]


async def test_a_member_sees_those_of_the_program_that_it_is_in(device: Device) -> None:
    program = program_of(PROGRAM, "Derived")
    program.other = 7  # type: ignore[attr-defined]
    await run_setups(device, program)
    assert await device.evaluate("(state, extra)") == (52, 7)
    await deploy(device, member_of(program, "twice"))
    assert await device.evaluate("twice_on_the_board(4)") == 8
    await deploy(device, member_of(program, "step"))
    assert await device.evaluate("step(4)") == 416


def test_a_program_and_the_one_that_it_is_derived_from_do_not_mix() -> None:
    names = load(PROGRAM)
    base, derived = names["Base"], names["Derived"]
    assert isinstance(base, type)
    assert isinstance(derived, type)
    assert base.__dict__["twice"].__get__(None, base) is base.twice  # type: ignore[attr-defined]
    one, other = member_of(base, "twice"), member_of(derived, "twice")
    assert [part.origin for part in one.unit(*PLACE).needs] == ["a_module.Base.read"]
    assert [part.origin for part in other.unit(*PLACE).needs] == ["a_module.Derived.read"]
    assert member_of(base, "twice") is one


def test_members_come_in_order_those_of_base_classes_first() -> None:
    program = program_of(PROGRAM, "Derived")
    assert [member.name for member in setups_of(program)] == ["prepare", "more"]
    assert [member.name for member in teardowns_of(program)] == ["finish", "finish_more"]
    assert [member.qualname for member in tasks_of(program)] == [
        "a_module.Derived.read",
        "a_module.Base.twice",
        "a_module.Base.step",
        "a_module.Base.items",
    ]
    assert [member.name for member in threads_of(program)] == ["run"]
    assert [member.options.critical for member in setups_of(program)] == [True, False]


def test_a_member_that_is_overridden_keeps_its_place() -> None:
    program = program_of(
        """
        from belay_actors.functions import DeviceProgram
        class A(DeviceProgram):
            @setup
            def one(): pass
            @setup
            def two(): pass
            @setup
            def three(): pass
        class B(DeviceProgram):
            @setup
            def four(): pass
        class C(A, B):
            @setup
            def five(): pass
            @setup
            def two(): x = 3
            three = None
        """,
        "C",
    )
    assert [function.qualname for function in setups_of(program)] == [
        "a_module.B.four",
        "a_module.A.one",
        "a_module.C.two",
        "a_module.C.five",
    ]


def test_the_newest_class_of_a_diamond_wins() -> None:
    program = program_of(
        """
        from belay_actors.functions import DeviceProgram
        class A(DeviceProgram):
            @task
            def f(): return 1
        class B(A):
            pass
        class C(A):
            @task
            def f(): return 2
        class D(B, C):
            pass
        """,
        "D",
    )
    assert member_of(program, "f").qualname == "a_module.C.f"
    assert member_of(program, "f")() == 2


def test_members_run_on_the_host_too() -> None:
    names = load(PROGRAM)
    program = names["Derived"]
    assert isinstance(program, type)
    assert member_of(program, "step")(4) == 208
    assert member_of(program, "read")(4) == 4


class Caller:
    def __init__(self) -> None:
        self.calls: list[tuple[object, ...]] = []

    async def call(self, function: object, /, *args: object, **kwargs: object) -> object:
        self.calls.append(("call", function, args, kwargs))
        return 42

    def stream(self, function: object, /, *args: object, **kwargs: object) -> object:
        self.calls.append(("stream", function, args, kwargs))
        return 43

    async def start_thread(self, function: object, /, *args: object, **kwargs: object) -> object:
        self.calls.append(("start", function, args, kwargs))
        return 44


async def test_an_instance_calls_through_its_session() -> None:
    program = program_of(PROGRAM, "Derived")
    caller = Caller()
    instance = program(caller)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    found = instance.twice  # type: ignore[attr-defined]
    assert isinstance(found, BoundTask)
    bound = cast("BoundTask[..., object]", found)
    assert bound.task is member_of(program, "twice")
    assert await bound(3, x=4) == 42
    assert instance.items(3) == 43  # type: ignore[attr-defined]
    assert await instance.run() == 44  # type: ignore[attr-defined]
    kinds = [call[0] for call in caller.calls]
    assert kinds == ["call", "stream", "start"]
    assert caller.calls[0][1:] == (bound.task, (3,), {"x": 4})
    assert isinstance(instance.more, Setup)  # type: ignore[attr-defined]


def test_in_any_other_class_a_task_is_just_a_task() -> None:
    class Tools:
        @task
        @staticmethod
        def double(n: int) -> int:
            return 2 * n

    assert isinstance(Tools.double, Task)
    assert Tools().double is Tools.double
    assert Tools.double(3) == 6


# Setups.


def test_a_setup_makes_all_its_names_global() -> None:
    program = program_of(PROGRAM, "Base")
    (prepare,) = setups_of(program)
    assert prepare.unit(*PLACE).full.source == (
        "def prepare(start, factor=10):\n"
        "    global bump, math, state, turn\n"
        "    import math\n"
        "    state = start * factor\n"
        "    for turn in range(2):\n"
        "        state += turn\n"
        "    def bump():\n"
        "        global state\n"
        "        state += 1\n"
        "    bump()\n"
    )
    assert prepare.unit(*PLACE).wants == frozenset()
    one = setup_of(load("@setup\ndef f():\n    global b\n    a = b = 1\n"))
    assert one.unit(*PLACE).full.source == "def f():\n    global a, b\n    a = b = 1\n"
    assert prepare.names_made == {"bump", "math", "state", "turn"}
    assert "state" in prepare.unit(*PLACE).small.source


@pytest.mark.parametrize(
    ("body", "made"),
    [
        ("global a, b\n    a = 1", {"a": 1}),
        ("if 1:\n        global a\n        a = 1\n    c = 3", {"a": 1, "c": 3}),
        ("x = 4\n    a = x", {"a": 4}),
        ("[a for a in range(3)]\n    b = [a for a in range(2)]", {"b": [0, 1]}),
        ("(a := 3)\n    [b := c for c in range(3)]", {"a": 3, "b": 2}),
        ("a, (b, *c) = 1, (2, 3)", {"a": 1, "b": 2, "c": [3]}),
        ("try:\n        1 // 0\n    except Exception as e:\n        a = str(e) and 1", {"a": 1}),
        ("a = 1\n    a += 1", {"a": 2}),
        ("a = 1\n    class B:\n        c = a + 1\n    d = B.c", {"a": 1, "d": 2}),
        (
            "a = 1\n    def f():\n        a = 5\n        def g():\n"
            "            nonlocal a\n            a = 6\n        g()\n        return a\n    b = f()",
            {"a": 1, "b": 6},
        ),
        ("pass", {}),
    ],
)
async def test_what_setups_bind_is_there_afterwards(
    device: Device, body: str, made: dict[str, object]
) -> None:
    function = setup_of(load(f"@setup\ndef s(x=0):\n    {body}\n"), "s")
    for text in (function.unit(*PLACE).full, function.unit(*PLACE).small):
        await device.execute(text.source)
        await device.execute("s()")
        for name, value in made.items():
            assert await device.evaluate(name) == value
            await device.execute(f"del {name}")


def test_arguments_of_a_setup_are_attributes_of_the_class() -> None:
    names = load(PROGRAM)
    base, derived = names["Base"], names["Derived"]
    assert isinstance(base, type)
    assert isinstance(derived, type)
    prepare, more = setups_of(derived)
    assert arguments_for(base, setups_of(base)[0]) == {"start": 3}
    assert arguments_for(derived, prepare) == {"start": 5}
    with pytest.raises(UnsupportedFunctionError, match=r"more.*'other'.*Derived"):
        arguments_for(derived, more)
    derived.factor = 2  # type: ignore[attr-defined]
    assert arguments_for(derived, prepare) == {"start": 5, "factor": 2}


# What does not fit together.

HEAD = "from belay_actors.functions import DeviceProgram\nclass A(DeviceProgram):\n"


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ("@setup\ndef s(pin):\n    pass", "needs 'pin', and A has no such attribute"),
        ("@teardown\ndef s(pin):\n    pass", "needs 'pin', and A has no such attribute"),
        ("@task\ndef f():\n    return led", "f.. uses 'led', which is defined nowhere"),
        ("@task\ndef f():\n    return A.led", "A.led cannot be sent"),
        ("x = []\n@task\ndef f():\n    A.x = 3", "A.x stays on the host"),
        ("x = object()\n@task\ndef f():\n    return A.x", "A.x cannot be sent"),
        ("@task\ndef f():\n    return A", "uses 'A', which stays on the host"),
        ("@task\ndef session():\n    pass", "'session' is the session"),
        ("@task\ndef f():\n    pass\n@task(name='f')\ndef g():\n    pass", "is called 'f'"),
        ("@setup\ndef s():\n    f = 3\n@task\ndef f():\n    pass", "makes a 'f', too"),
        ("@setup\ndef s():\n    pass\n@task\ndef f():\n    s()", "call a @task instead"),
        ("@task\ndef f(self):\n    pass", "has no 'self'"),
        ("def g():\n    pass\n@task\ndef f():\n    g()", "uses 'g', which is defined nowhere"),
    ],
)
def test_members_that_do_not_fit_together_are_refused(members: str, message: str) -> None:
    body = "".join(f"    {line}\n" for line in members.split("\n"))
    with pytest.raises(UnsupportedFunctionError, match=message):
        load(HEAD + body)


def test_a_parameter_that_is_only_annotated_may_come_later() -> None:
    load(HEAD + "    pin: int\n    @setup\n    def s(pin):\n        led = pin\n")


async def test_other_classes_are_not_the_program(device: Device) -> None:
    text = "    @task\n    def f():\n        return object.__name__, type(DeviceProgram) is type\n"
    with pytest.raises(UnsupportedFunctionError, match="uses 'DeviceProgram'"):
        load(HEAD + text)
    names = load(HEAD + text.replace("DeviceProgram", "object"))
    program = names["A"]
    assert isinstance(program, type)
    await deploy(device, member_of(program, "f"))
    assert await device.evaluate("f()") == ("object", True)
