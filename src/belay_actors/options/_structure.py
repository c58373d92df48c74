"""From names and values to a record of options by cattrs, with all that is wrong told at once.

cattrs makes the record field by field, and goes on after a failure. What a field may be is known to
its validator alone: that takes the value as it came, so nothing is turned into something else here,
except that an ``int`` may stand for a ``float``.
"""

import difflib
from collections.abc import Callable, Collection, Mapping
from typing import TypeVar

import attrs
import cattrs
from cattrs.gen import make_dict_structure_fn, override

from belay_actors.errors import InvalidOptionsError
from belay_actors.options._records import DeviceOptions, SessionManagementOptions
from belay_actors.options._validators import quote

Options = TypeVar("Options", bound=DeviceOptions | SessionManagementOptions)


def structure(
    kind: type[Options],
    values: Mapping[str, object],
    *,
    source: str,
    where: str = "",
    name_there: Callable[[str], str] = str,
) -> Options:
    """Makes a record of options.

    Args:
        kind: of the record.
        values: by the names that they have where they come from.
        source: where they come from.
        where: the same, to begin each problem with.
        name_there: from an option's name to the one that it has there.

    Raises:
        InvalidOptionsError: with a problem for each name that is none, and each value.
    """
    fields = {name_there(field.name): field for field in fields_of(kind)}
    given = {field.name: values[name] for name, field in fields.items() if name in values}
    problems = [_describe_unknown(name, fields) for name in values if name not in fields]
    hooks = {
        field.name: override(struct_hook=_make_hook(field, name)) for name, field in fields.items()
    }
    structure_fields = make_dict_structure_fn(
        kind,
        cattrs.Converter(),
        _cattrs_detailed_validation=True,
        **hooks,  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    )
    try:
        options = structure_fields(given, kind)
    except cattrs.ClassValidationError as error:
        problems += map(str, error.exceptions)
    else:
        if not problems:
            return options
    raise make_error(kind, source, *(where + problem for problem in problems))


def fields_of(kind: type[Options]) -> "tuple[attrs.Attribute[object], ...]":
    """Returns what options there are."""
    fields: tuple[attrs.Attribute[object], ...] = attrs.fields(kind)
    return fields


def make_error(kind: type[Options], source: str, *problems: str) -> InvalidOptionsError:
    """Returns the error for options that cannot be had from a source."""
    return InvalidOptionsError(f"{kind.__name__} cannot be loaded from {source}:", problems)


def _make_hook(field: "attrs.Attribute[object]", name: str) -> Callable[[object, object], object]:
    """How cattrs makes one field; its validator tells of it under the name that it has there."""
    check = field.validator
    assert check is not None, "each option is validated"
    shown: attrs.Attribute[object] = field.evolve(name=name)

    def hook(value: object, _: object) -> object:
        check(None, shown, value)
        return float(value) if field.type is float and isinstance(value, int) else value

    return hook


def _describe_unknown(name: object, known: Collection[str]) -> str:
    near = difflib.get_close_matches(str(name), known, n=1)
    hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(known)}"
    return f"{name if isinstance(name, str) else quote(name)} is no option; {hint}"
