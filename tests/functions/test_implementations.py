"""Other implementations of a task, for some platforms."""

import pytest

from belay_actors.errors import DeviceCapabilityError, UnsupportedFunctionError
from belay_actors.functions import Task, closure
from modules import load, task_of

TEXT = """
    import machine
    LIMIT = 3

    @task(name="temperature")
    def f(n: int) -> float:
        return 0.5

    @f.implementation("rp2", "esp32")
    def _(n):
        return helper(machine.ADC(4).read_u16()) + LIMIT

    @f.implementation("circuitpython")
    def on_circuitpython(n):
        return on_circuitpython(n - 1)

    @task
    def helper(n):
        return f(n)

    @task
    def g(n):
        "Nothing by itself."
        ...

    @g.implementation("rp2")
    def _(n):
        return 1
    """.replace("import machine", "if 0:\n        import machine")


def source(function: Task[..., object], platform: str, implementation: str) -> str:
    return function.unit(platform, implementation).full.source


def test_the_most_specific_implementation_is_taken() -> None:
    function = task_of(load(TEXT), "f")
    assert "0.5" in source(function, "linux", "micropython")
    assert "machine" in source(function, "rp2", "micropython")
    assert "machine" in source(function, "rp2", "circuitpython")
    assert "n - 1" in source(function, "samd21", "circuitpython")
    assert source(function, "esp32", "micropython") == source(function, "rp2", "micropython")


def test_each_has_the_name_and_the_needs_of_its_own() -> None:
    function = task_of(load(TEXT), "f")
    units = closure(function.unit("rp2", "micropython"))
    assert {unit.name for unit in units} == {"machine", "LIMIT", "temperature", "helper"}
    assert units[-1].origin == "a_module.f"
    assert (
        source(function, "x", "circuitpython")
        == "def temperature(n):\n    return temperature(n - 1)\n"
    )
    assert function.unit("linux", "micropython").needs == ()


def test_on_the_host_the_function_itself_runs() -> None:
    assert task_of(load(TEXT), "f")(3) == 0.5


def test_a_function_without_a_body_is_for_the_named_boards_alone() -> None:
    function = task_of(load(TEXT), "g")
    assert "return 1" in source(function, "rp2", "micropython")
    with pytest.raises(DeviceCapabilityError, match=r"for rp2, and this board is linux \(micropy"):
        function.unit("linux", "micropython")


def test_an_implementation_that_is_missing_further_down_is_told_before_anything_is_sent() -> None:
    text = TEXT + "\n    @task\n    def h(n):\n        return g(n)\n"
    function = task_of(load(text), "h")
    with pytest.raises(DeviceCapabilityError, match=r"g\(\)"):
        function.unit("linux", "micropython")
    assert [unit.name for unit in closure(function.unit("rp2", "micropython"))] == ["g", "h"]


def test_an_implementation_that_comes_later_counts_from_then_on() -> None:
    names = load(TEXT)
    function = task_of(names)
    assert "0.5" in source(function, "stm32", "micropython")
    other = task_of(load("@task\ndef other(n):\n    return 9\n"), "other")
    function.implementation("stm32")(other.function)
    assert "return 9" in source(function, "stm32", "micropython")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("@f.implementation('rp2')\ndef _():\n    pass", "same arguments as f"),
        ("@f.implementation('rp2')\ndef _(m):\n    pass", "same arguments as f"),
        ("@f.implementation('rp2')\ndef _(n=3):\n    pass", "same arguments as f"),
        ("@f.implementation('rp2')\ndef _(n):\n    foo", "uses 'foo'"),
        ("@f.implementation('rp2')\ndef _(n):\n    return {**n}", "update"),
        ("@f.implementation('old')\ndef _(n):\n    pass", "implementation for old already"),
        ("f.implementation('rp2')(print)", "made by def"),
    ],
)
def test_an_implementation_must_fit(text: str, message: str) -> None:
    head = "@task\ndef f(n):\n    pass\n@f.implementation('old')\ndef _(n):\n    pass\n"
    with pytest.raises(UnsupportedFunctionError, match=message):
        load(head + text + "\n")


def test_an_implementation_is_for_something() -> None:
    with pytest.raises(ValueError, match="name the platforms"):
        task_of(load(TEXT), "f").implementation()
