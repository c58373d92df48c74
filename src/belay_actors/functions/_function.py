"""Board functions: what a decorated function is.

A board function is the Python function, whose logic can be tried on the host, and what it takes to
have it on boards: its units, of which there may be others for other platforms, what it takes, and
what it returns.
"""

import copy
import functools
from collections.abc import Callable, Mapping, Sequence
from types import FunctionType
from typing import ClassVar, Generic, ParamSpec, Self, TypeVar, cast

from belay_actors.board import BOARD_TOOLS
from belay_actors.errors import DeviceCapabilityError, UnsupportedFunctionError
from belay_actors.functions._builtins import BOARD_BUILTINS
from belay_actors.functions._check import Role, check_callable
from belay_actors.functions._draft import Body, Draft
from belay_actors.functions._resolve import Program
from belay_actors.functions._unit import Unit, UnitSource
from belay_actors.values import Value

P = ParamSpec("P")
R_co = TypeVar("R_co", covariant=True)

_Place = tuple[str, str]  # a platform and an implementation
_ITERATORS = {"Iterator", "Generator"}
_OWN_NAME = "__belay"
_HIDING = BOARD_BUILTINS | BOARD_TOOLS.keys()


class BoardFunction(UnitSource, Generic[P, R_co]):
    """A function that boards can have. Made by a decorator.

    Attributes:
        role: what it is for.
        name: on the board.
        qualname: module and name on the host.
        function: the Python function itself; to call the board function on the host is to call it.
    """

    role: ClassVar[Role]
    _yields: ClassVar[bool] = False

    def __init__(self, function: Callable[P, object], name: str | None) -> None:
        python_function = check_callable(function, self.role)
        self.function = function
        self.name = name or python_function.__name__
        self.qualname = f"{python_function.__module__}.{python_function.__qualname__}"
        self._body = Body(python_function, self.role)
        self._signature = self._body.signature
        self._variants: dict[str, Body] = {}
        self._program: Program | None = None
        self._units: dict[_Place, Unit] = {}
        self._has_checked_result = False
        functools.update_wrapper(cast("Callable[..., object]", self), python_function, updated=())
        self._check_name()
        if not _is_in_class(python_function):  # a class checks its members when it is there
            self._body.check_names(self.name, None)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.qualname}>"

    def refuse(self, problem: str) -> UnsupportedFunctionError:
        """Makes the error that says where this function cannot be used, and why."""
        return self._body.source.refuse(problem)

    def _check_name(self) -> None:
        if self.name in _HIDING or self.name.startswith(_OWN_NAME):
            raise self.refuse(
                f"on the board, {self.name}() would hide what every code there knows by that name: "
                "give it another"
            )

    # What is sent.

    def unit(self, platform: str, implementation: str) -> Unit:
        """Returns what a board is to be sent, the same each time.

        Args:
            platform: of the board, as its ``sys.platform`` says.
            implementation: the name of its ``sys.implementation``.

        Raises:
            UnsupportedFunctionError: it, or a function that it uses, uses a name that no board can
                have.
            DeviceCapabilityError: one of them has no implementation for such a board.
        """
        place = platform, implementation
        if place not in self._units:
            self._link(place)
        return self._units[place]

    def _link(self, place: _Place) -> None:
        """Makes the units of all functions that this one uses; of all of them, or of none."""
        drafts: dict[BoardFunction[..., object], Draft] = {}
        todo: list[BoardFunction[..., object]] = [self]
        for function in todo:  # it grows
            if function not in drafts and place not in function._units:  # noqa: SLF001
                drafts[function] = function._draft(place)  # noqa: SLF001  # of its own kind
                todo += _used_by(drafts[function])
        for function, draft in drafts.items():
            function._units[place] = draft.unit  # noqa: SLF001
        for function, draft in drafts.items():
            others = (other for other in _used_by(draft) if other is not function)
            units = (other._units[place] for other in others)  # noqa: SLF001
            draft.unit.connect([*draft.resolved.statements, *units])

    def _draft(self, place: _Place) -> Draft:
        body = self._choose(place)
        try:
            return body.draft(self.name, self.qualname, self._program)
        except UnsupportedFunctionError:
            raise
        except (TypeError, ValueError) as error:  # a constant that cannot be written
            raise body.source.refuse(f"{self.name}() cannot be sent: {error}") from error

    # Implementations for some boards.

    def implementation(self, *boards: str) -> Callable[[Callable[P, object]], Callable[P, object]]:
        """Decorates another function, which takes this one's place on some boards.

        The most specific one is taken: by platform, by implementation, and at last the function
        itself, unless its body is nothing but ``...``.

        Args:
            boards: platforms, as ``sys.platform`` says on a board (``"rp2"``), and names of
                implementations (``"circuitpython"``).

        Raises:
            UnsupportedFunctionError: a board cannot run it, it takes other arguments than this
                function, or one of the boards has another already.
            ValueError: no board was named.
        """
        if not boards:
            raise ValueError("name the platforms or implementations that it is for")

        def register(function: Callable[P, object]) -> Callable[P, object]:
            python_function = check_callable(function, self.role)
            body = Body(python_function, self.role)
            self._check_variant(body, boards)
            self._variants |= dict.fromkeys(boards, body)
            self._units.clear()
            return function

        return register

    def _check_variant(self, body: Body, boards: Sequence[str]) -> None:
        if not body.signature.is_like(self._signature):
            raise body.source.refuse(f"it must take the same arguments as {self.name}()")
        for board in boards:
            if board in self._variants:
                raise body.source.refuse(f"{self.name}() has an implementation for {board} already")
        if not _is_in_class(body.function):
            body.check_names(self.name, self._program)

    def _choose(self, place: _Place) -> Body:
        for board in place:
            if board in self._variants:
                return self._variants[board]
        if self._body.is_empty and self._variants:
            platform, implementation = place
            raise DeviceCapabilityError(
                f"{self.name}() has implementations for {', '.join(self._variants)}, and this "
                f"board is {platform} ({implementation}): add one by @{self.name}.implementation"
            )
        return self._body

    # Arguments and results.

    def arguments(
        self, args: Sequence[object], kwargs: Mapping[str, object], *, exact_floats: bool
    ) -> str:
        """Returns the arguments of a call as source text, such as ``"1, 2.5, key='x'"``.

        Args:
            args: by position.
            kwargs: by name.
            exact_floats: whether the board has 64-bit floats, which are to arrive bit for bit.

        Raises:
            TypeError: the function does not take these, or one of them cannot be sent; or the
                annotation of its result is of a type that cannot come back.
            ValueError: an argument is too large.
            UnsupportedFunctionError: an annotation names what there is not.
        """
        if not self._has_checked_result:
            self._signature.check_result(is_item=self._yields)
            self._has_checked_result = True
        return self._signature.encode_arguments(args, kwargs, exact_floats=exact_floats)

    def convert(self, value: Value) -> R_co:
        """Returns what came from the board (an item, where it yields) as the annotation says.

        Raises:
            TypeError: it is something else.
        """
        if self._yields:
            return cast(R_co, self._signature.to_item(value))
        return cast(R_co, self._signature.to_result(value))

    @property
    def says_that_it_yields(self) -> bool:
        """Whether its annotation says that it returns an iterator, as a generator does."""
        return self._body.source.returns in _ITERATORS

    # Programs.

    def in_program(self, program: Program) -> Self:
        """Returns it as a member of a program, where it uses the program's names."""
        member = copy.copy(self)
        member._program = program  # noqa: SLF001  # it is one of ours
        member._units = {}  # noqa: SLF001
        return member

    def check_names(self) -> None:
        """Checks the global names, as far as they can be known now.

        Raises:
            UnsupportedFunctionError: a name that no board can have.
        """
        for body in (self._body, *self._variants.values()):
            body.check_names(self.name, self._program)

    @property
    def parameters(self) -> Mapping[str, bool]:
        """The names of its parameters, and whether each must be given."""
        return self._signature.required_by_name

    @property
    def names_made(self) -> frozenset[str]:
        """The names that a setup makes on the board, in any of its implementations."""
        bodies = (self._body, *self._variants.values())
        return frozenset(name for body in bodies for name in body.names_made)


def _used_by(draft: Draft) -> list[BoardFunction[..., object]]:
    return cast("list[BoardFunction[..., object]]", draft.resolved.functions)


def _is_in_class(function: FunctionType) -> bool:
    outside = function.__qualname__.rpartition(".")[0]
    return bool(outside) and not outside.endswith("<locals>")
