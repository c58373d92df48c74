"""What a function takes and returns: from a call's arguments to source text, and back to a result.

Annotations are looked at when a function is first called from the host: they may name what is
bound later, and those of a function that only other functions call may name the board's own types.
"""

import inspect
import keyword
import typing
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from inspect import Parameter
from types import FunctionType
from typing import Any, cast

import attrs

from belay_actors.functions._source import FunctionSource
from belay_actors.values import (
    Misfit,
    Value,
    check_type,
    encode,
    encoders,
    make_unstructurer,
    structure,
)

_NO_HINT = object()
_ANY_TYPE: frozenset[type] | None = None
_NO_TYPE = frozenset[type]()
_BASIC: dict[object, frozenset[type] | None] = {
    _NO_HINT: _ANY_TYPE,
    bool: frozenset({bool}),
    int: frozenset({int}),
    float: frozenset({float, int}),
    str: frozenset({str}),
    bytes: frozenset({bytes}),
}
_POSITIONAL = (Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD)
_ITERATORS: tuple[object, ...] = (Iterator, Iterable, Generator)


class Signature:
    """Parameters and result of one function."""

    def __init__(self, function: FunctionType, source: FunctionSource) -> None:
        self._function = function
        self._source = source
        self._signature = inspect.signature(function)
        self._parameters = [*self._signature.parameters.values()]

    @property
    def required_by_name(self) -> Mapping[str, bool]:
        """The names of the parameters, and whether each must be given."""
        return {
            p.name: p.default is p.empty
            for p in self._parameters
            if p.kind not in (Parameter.VAR_POSITIONAL, Parameter.VAR_KEYWORD)
        }

    def is_like(self, other: "Signature") -> bool:
        """Whether another function takes the same arguments."""
        return self.shape == other.shape

    @property
    def shape(self) -> list[tuple[str, object, bool]]:
        """Names, kinds, and whether they must be given, of all parameters."""
        return [(p.name, p.kind, p.default is Parameter.empty) for p in self._parameters]

    @cached_property
    def _hints(self) -> dict[str, Any]:
        try:
            return typing.get_type_hints(self._function)
        except Exception as error:  # whatever the annotations do
            raise self._source.refuse(
                f"the annotations of {self._function.__name__}() cannot be read ({error}): what "
                "they name must be there on the host, for a function that is called from it"
            ) from error

    # Arguments.

    @cached_property
    def _simple(self) -> list[frozenset[type] | None]:
        """For each parameter that may come by position, the types that need no conversion."""
        hints = self._hints
        kinds = (hints.get(p.name, _NO_HINT) for p in self._parameters if p.kind in _POSITIONAL)
        return [_BASIC.get(kind, _NO_TYPE) for kind in kinds]

    @cached_property
    def _required(self) -> float:
        """How many arguments by position are needed; more than there can be if they never do."""
        if any(p.kind is Parameter.KEYWORD_ONLY and p.default is p.empty for p in self._parameters):
            return float("inf")
        return sum(p.kind in _POSITIONAL and p.default is p.empty for p in self._parameters)

    def encode_arguments(
        self, args: Sequence[object], kwargs: Mapping[str, object], *, exact_floats: bool
    ) -> str:
        """Returns the arguments of a call as source text.

        Raises:
            TypeError: the function does not take these, or one of them cannot be sent.
            ValueError: one is too large.
        """
        text = None if kwargs else self._encode_simple(args, exact_floats=exact_floats)
        if text is not None:
            return text
        try:
            bound = self._signature.bind(*args, **kwargs)
        except TypeError as error:
            raise TypeError(f"{self._function.__name__}(): {error}") from None
        writer = _ArgumentWriter(self, exact_floats)
        for parameter in self._parameters:
            writer.add(parameter, bound.arguments)
        return ", ".join(writer.texts)

    @cached_property
    def _unstructurers(self) -> dict[str, Callable[[object], object] | None]:
        """For each parameter, what makes plain values of its arguments."""
        return {
            name: make_unstructurer(hint) for name, hint in self._hints.items() if name != "return"
        }

    def to_plain(self, name: str, value: object) -> object:
        """Returns an argument as it travels, by the annotation of its parameter.

        Raises:
            TypeError: it does not fit its annotation.
            ValueError: it holds itself.
        """
        unstructure = self._unstructurers.get(name)
        return value if unstructure is None else unstructure(value)

    def write_argument(self, name: str, value: object, *, exact_floats: bool) -> str:
        """Returns one argument as source text.

        Raises:
            TypeError: it does not fit its annotation, or cannot be sent.
            ValueError: it is too large.
        """
        try:
            return encode(self.to_plain(name, value), exact_floats=exact_floats)
        except (TypeError, ValueError) as error:
            kind = TypeError if isinstance(error, TypeError) else ValueError
            raise kind(f"{self._function.__name__}(): argument {name!r}: {error}") from error

    def _encode_simple(self, args: Sequence[object], *, exact_floats: bool) -> str | None:
        """The text of arguments that need no conversion, and come by position; else ``None``."""
        simple = self._simple
        if not self._required <= len(args) <= len(simple):
            return None
        found = encoders(exact_floats=exact_floats)
        texts: list[str] = []
        try:
            for value, types in zip(args, simple, strict=False):
                kind = type(value)
                if types is not None and kind not in types:
                    return None
                write = found.get(kind)
                texts.append(
                    encode(value, exact_floats=exact_floats) if write is None else write(value)
                )
        except (Misfit, TypeError, ValueError):
            return None  # it will be told which argument that is
        return ", ".join(texts)

    # Results.

    def check_result(self, *, is_item: bool = False) -> None:
        """Checks, before anything is sent, that a result can be what the annotation says.

        Raises:
            TypeError: it cannot.
        """
        kind = self._item if is_item else self._result
        if kind is not _NO_HINT and kind is not type(None):
            check_type(cast("type[object]", kind))

    @cached_property
    def _result(self) -> object:
        return self._hints.get("return", _NO_HINT)

    @cached_property
    def _item(self) -> object:
        """What a generator yields."""
        result = self._result
        if result is _NO_HINT or result in _ITERATORS:
            return _NO_HINT
        if typing.get_origin(result) not in _ITERATORS:
            raise self._source.refuse(
                f"{self._function.__name__}() yields, so it returns an Iterator[...] of its items"
            )
        return typing.get_args(result)[0]

    def to_result(self, value: Value) -> object:
        """Returns what a board has returned as the annotation says.

        Raises:
            TypeError: it is something else.
        """
        return self._convert(value, self._result)

    def to_item(self, value: Value) -> object:
        """Returns what a board has yielded as the annotation says; raises as ``to_result``."""
        return self._convert(value, self._item)

    def _convert(self, value: Value, kind: object) -> object:
        if kind is _NO_HINT or (isinstance(kind, type) and type(value) is kind):
            return value
        try:
            return structure(value, cast("type[object]", kind))
        except TypeError as error:
            raise TypeError(f"{self._function.__name__}(): {error}") from error


@attrs.define
class _ArgumentWriter:
    """Writes the arguments of one call: by position as long as none is left out before."""

    _signature: Signature
    _exact_floats: bool
    texts: list[str] = attrs.field(factory=list[str])
    _has_gap: bool = False

    def add(self, parameter: Parameter, arguments: Mapping[str, object]) -> None:
        """Writes what a parameter is given."""
        name = parameter.name
        if name not in arguments:
            self._has_gap = True
            return
        value = arguments[name]
        if parameter.kind is Parameter.VAR_POSITIONAL:
            values = cast("tuple[object, ...]", value)
            self.texts += [self._encode(name, item) for item in values]
        elif parameter.kind is Parameter.VAR_KEYWORD:
            for key, item in cast("dict[str, object]", value).items():
                self._add_named(key, self._encode(name, item))
        elif parameter.kind is Parameter.KEYWORD_ONLY or self._has_gap:
            self._add_named(name, self._encode(name, value))
        else:
            self.texts.append(self._encode(name, value))

    def _add_named(self, key: str, text: str) -> None:
        is_name = key.isidentifier() and not keyword.iskeyword(key)
        self.texts.append(f"{key}={text}" if is_name else f"**{{{encode(key)}: {text}}}")

    def _encode(self, name: str, value: object) -> str:
        return self._signature.write_argument(name, value, exact_floats=self._exact_floats)
