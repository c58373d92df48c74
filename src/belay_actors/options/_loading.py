"""Options from where programs keep them: a mapping, a TOML file, the environment.

Whatever is wrong there is told by one ``InvalidOptionsError``, with all problems.
"""

import itertools
import os
import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import cast

from belay_actors.options._records import DeviceOptions, SessionManagementOptions
from belay_actors.options._structure import Options, fields_of, make_error, structure
from belay_actors.options._validators import quote

_TABLES: dict[type[object], str] = {
    DeviceOptions: "belay_actors.device",
    SessionManagementOptions: "belay_actors.sessions",
}
_PREFIXES: dict[type[object], str] = {
    DeviceOptions: "BELAY_DEVICE_",
    SessionManagementOptions: "BELAY_SESSIONS_",
}
_MOST_TABLES = 20  # that a message names

_INTEGER = re.compile(r"[+-]?[0-9]+")
_DECIMAL = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)(e[+-]?[0-9]+)?|[+-]?inf", re.IGNORECASE)
_FLAGS = {
    **dict.fromkeys(("true", "1", "yes", "on"), True),
    **dict.fromkeys(("false", "0", "no", "off"), False),
}


def options_from_mapping(kind: type[Options], mapping: Mapping[str, object]) -> Options:
    """Makes options from a mapping, such as a part of a program's own configuration.

    Args:
        kind: ``SessionManagementOptions`` or ``DeviceOptions``.
        mapping: values by the options' names. What it lacks has its default. Values must be of the
            right type already; an ``int`` may stand for a ``float``.

    Returns:
        The options.

    Raises:
        InvalidOptionsError: its ``problems`` are all names that are no options, and all values that
            an option may not have.
    """
    if not isinstance(mapping, Mapping):  # pyright: ignore[reportUnnecessaryIsInstance]
        problem = f"it is no mapping of names to values, but {quote(mapping)}"
        raise make_error(kind, "the mapping", problem)
    return structure(kind, mapping, source="the mapping")


def options_from_toml(
    kind: type[Options], path: str | os.PathLike[str], *, table: str | None = None
) -> Options:
    """Makes options from a table of a TOML file.

    Args:
        kind: ``SessionManagementOptions`` or ``DeviceOptions``.
        path: of the file.
        table: its dotted name, such as ``"tool.my_program.sessions"``; by default
            ``"belay_actors.sessions"`` or ``"belay_actors.device"``.

    Returns:
        The options; what the table lacks has its default.

    Raises:
        InvalidOptionsError: the file or the table is not there; or as ``options_from_mapping``.
    """
    table = _TABLES[kind] if table is None else table
    source = str(path)
    try:
        with Path(path).open("rb") as file:
            document: dict[str, object] = tomllib.load(file)
    except FileNotFoundError:
        problem = f"there is no file {source}; write it, or give the path of another"
        raise make_error(kind, source, problem) from None
    except OSError as error:
        raise make_error(
            kind, source, f"{source} cannot be read: {error.strerror or error}"
        ) from None
    except (ValueError, RecursionError) as error:
        raise make_error(kind, source, f"{source} is no TOML: {error}") from None
    values = _find_table(document, table)
    if values is None:
        there = _list_tables(document)
        problem = f"{source} has no table [{table}]; {there}"
        raise make_error(kind, source, problem)
    return structure(kind, values, source=source, where=f"{source} [{table}]: ")


def options_from_environment(
    kind: type[Options], environ: Mapping[str, str] | None = None, *, prefix: str | None = None
) -> Options:
    """Makes options from environment variables, such as ``BELAY_SESSIONS_MAX_CONCURRENT_SESSIONS``.

    Args:
        kind: ``SessionManagementOptions`` or ``DeviceOptions``.
        environ: the variables; by default ``os.environ``. Numbers are written in decimal; ``inf``
            is one where the option may be infinite. For yes and no there are ``true``, ``1``,
            ``yes``, ``on`` and ``false``, ``0``, ``no``, ``off``, in any case of letters.
        prefix: what the variables' names begin with, before the option's name in capitals; by
            default ``"BELAY_SESSIONS_"`` or ``"BELAY_DEVICE_"``. Other variables are ignored.

    Returns:
        The options; those without a variable have their defaults.

    Raises:
        InvalidOptionsError: its ``problems`` are all variables with the prefix that name no option,
            and all texts that an option may not have.
    """
    before = _PREFIXES[kind] if prefix is None else prefix

    def name_there(name: str) -> str:
        return before + name.upper()

    types = {name_there(field.name): field.type for field in fields_of(kind)}
    variables = os.environ if environ is None else environ
    values: dict[str, object] = {
        name: _read(text, types.get(name))
        for name, text in variables.items()
        if str(name).startswith(before)
    }
    return structure(kind, values, source="the environment", name_there=name_there)


def _read(text: object, kind: type[object] | None) -> object:
    """What a text stands for; where it stands for nothing, the text itself, which is refused."""
    if not isinstance(text, str):  # an environment of the caller's own
        return text
    if kind is bool:
        return _FLAGS.get(text.lower(), text)
    if kind is float and _DECIMAL.fullmatch(text):
        return float(text)
    if kind is int and _INTEGER.fullmatch(text):
        try:
            return int(text)
        except ValueError:  # more digits than Python reads
            return text
    return text


def _find_table(document: dict[str, object], table: str) -> dict[str, object] | None:
    found = document
    for name in table.split("."):
        inner = found.get(name)
        if not isinstance(inner, dict):
            return None
        found = cast("dict[str, object]", inner)
    return found


def _list_tables(document: dict[str, object]) -> str:
    names = [f"[{name}]" for name in itertools.islice(_tables_of(document), _MOST_TABLES)]
    return f"there are {', '.join(names)}" if names else "it has no tables"


def _tables_of(document: dict[str, object]) -> Iterator[str]:
    """Dotted names of all tables, each before those inside of it."""
    waiting = [("", document)]
    while waiting:
        name, values = waiting.pop()
        if name:
            yield name
        for key, value in reversed(values.items()):
            if isinstance(value, dict):
                waiting.append((f"{name}.{key}" if name else key, cast("dict[str, object]", value)))
