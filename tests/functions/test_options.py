"""Options of the decorators."""

import math

import pytest

from belay_actors.functions import SetupOptions, TaskOptions, ThreadOptions, setup, task, thread


@pytest.mark.parametrize("name", ["timeout", "cache_result"])
def test_times_are_positive_numbers(name: str) -> None:
    for value in (0.5, 3, math.inf, None):
        assert getattr(TaskOptions(**{name: value}), name) == value  # type: ignore[arg-type]  # pyright: ignore
    for value in (0, -1, math.nan):
        with pytest.raises(ValueError, match=f"{name} must be more than 0 seconds"):
            TaskOptions(**{name: value})  # type: ignore[arg-type]
    for other in ("3", True):
        with pytest.raises(TypeError, match=f"{name} must be a number of seconds"):
            TaskOptions(**{name: other})  # type: ignore[arg-type]


def test_flags_are_flags() -> None:
    with pytest.raises(TypeError, match="exclusive must be True or False"):
        task(exclusive=1)  # type: ignore[call-overload]  # pyright: ignore
    with pytest.raises(TypeError, match="idempotent must be True or False"):
        task(idempotent=None)  # type: ignore[call-overload]  # pyright: ignore
    with pytest.raises(TypeError, match="auto_restart must be True or False"):
        thread(auto_restart=3)  # type: ignore[call-overload]  # pyright: ignore
    with pytest.raises(TypeError, match="critical must be True or False"):
        setup(critical="no")  # type: ignore[call-overload]  # pyright: ignore


@pytest.mark.parametrize("name", ["", "two words", "1st", "class", "a.b"])
def test_a_name_is_one_for_python(name: str) -> None:
    for make in (TaskOptions, ThreadOptions):
        with pytest.raises(ValueError, match="name must be a name"):
            make(name=name)
    with pytest.raises(TypeError, match="name must be a text"):
        task(name=3)  # type: ignore[call-overload]  # pyright: ignore


def test_max_runtime_is_positive() -> None:
    assert ThreadOptions(max_runtime=3).max_runtime == 3
    with pytest.raises(ValueError, match="max_runtime"):
        thread(max_runtime=0)


def test_what_holds_by_default() -> None:
    assert TaskOptions() == TaskOptions(
        name=None, timeout=None, exclusive=False, idempotent=False, cache_result=None
    )
    assert ThreadOptions() == ThreadOptions(name=None, auto_restart=False, max_runtime=None)
    assert SetupOptions() == SetupOptions(critical=True)


def test_options_are_where_the_function_is() -> None:
    @task(timeout=2.0, exclusive=True, idempotent=True, cache_result=60.0, name="other")
    def f() -> None: ...

    @thread(auto_restart=True, max_runtime=60.0, name="another")
    def g() -> None: ...

    assert f.options == TaskOptions(
        timeout=2.0, exclusive=True, idempotent=True, cache_result=60.0, name="other"
    )
    assert (f.name, g.name) == ("other", "another")
    assert g.options.max_runtime == 60.0
    assert vars(f)["__name__"] == "f"


def test_attributes_of_the_python_function_are_not_those_of_the_task() -> None:
    def f() -> None: ...

    vars(f).update(name="other", options=3)
    assert task(f).name == "f"
    assert task(f).options == TaskOptions()


def test_what_python_has_for_interactive_use_is_no_builtin_of_boards() -> None:
    def exit() -> None: ...  # noqa: A001

    assert task(exit).name == "exit"
