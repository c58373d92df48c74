"""Runs code of the board: by Python, but with builtins and modules of the board's own.

Builtins are found through the frame that runs, not through ``__builtins__`` in the namespace, so
that namespaces hold exactly what programs have put there, as on a board. Code knows only the
modules that are here. This keeps programs honest, not hostile ones in: it is no sandbox.
"""

import builtins
import sys
from collections.abc import Callable, Mapping
from types import CodeType, FunctionType, ModuleType, TracebackType

from belay_actors.board import PADDING
from belay_actors.testing._fake._console import Console
from belay_actors.testing._fake._errors import board_error, board_syntax_error, format_error
from belay_actors.testing._fake._modules import (
    make_builtins,
    make_gc,
    make_math,
    make_micropython,
    make_sys,
    make_time,
)
from belay_actors.testing._fake._processor import Processor
from belay_actors.testing._fake._scripts import Script
from belay_actors.testing._fake._ticks import CAUGHT, SHOW, TICK, Mode, compile_code

Names = dict[str, object]

# Those of MicroPython that work here. No ``open``, ``input``, ``compile`` and ``help``.
_BUILTINS = """
    ArithmeticError AssertionError AttributeError BaseException EOFError Ellipsis Exception
    GeneratorExit ImportError IndentationError IndexError KeyError KeyboardInterrupt LookupError
    MemoryError NameError NotImplemented NotImplementedError OSError OverflowError RuntimeError
    StopAsyncIteration StopIteration SyntaxError SystemExit TypeError UnicodeError ValueError
    ZeroDivisionError __build_class__ abs all any bin bool bytearray bytes callable chr classmethod
    complex delattr dict dir divmod enumerate filter float frozenset getattr globals hasattr hash
    hex id int isinstance issubclass iter len list locals map max memoryview min next object oct
    ord pow property range repr reversed round set setattr slice sorted staticmethod str sum super
    tuple type zip
"""


def _caller() -> Names:
    """The globals of the board's code that has called a builtin."""
    return sys._getframe(2).f_globals  # noqa: SLF001  # there is no other way


class Interpreter:
    """One life of an interpreter, from a start of the board to the next.

    Args:
        processor: that it runs on.
        console: that it prints to.
        modules: of the user: source text, or any object.
        scripts: what happens instead of some codes.
        remember: is told of every source that runs.

    Attributes:
        main: the names of ``__main__``.
    """

    def __init__(
        self,
        processor: Processor,
        console: Console,
        *,
        modules: Mapping[str, object],
        scripts: Mapping[str, Script],
        remember: Callable[[str], None],
    ) -> None:
        self.main: Names = {"__name__": "__main__"}
        self._processor = processor
        self._write = console.print
        self._scripts = scripts
        self._remember = remember
        self._loaded: dict[str, ModuleType] = {}
        self._modules = {
            "gc": make_gc(),
            "math": make_math(),
            "micropython": make_micropython(console),
            "sys": make_sys(self._loaded, console, self._print_exception),
            "time": make_time(processor),
            **modules,
        }
        self._builtins = self._make_builtins()
        self._modules.setdefault("builtins", make_builtins(self._builtins))

    def run(self, source: str, mode: Mode) -> None:
        """Runs what came by a prompt, in ``__main__``; raises whatever it raises."""
        self._evaluate(source, self.main, mode, "<stdin>")

    def format_error(self, error: BaseException) -> str:
        """The traceback that the board prints."""
        return format_error(board_error(error), self._is_of_board)

    def _is_of_board(self, entry: TracebackType) -> bool:
        return entry.tb_frame.f_builtins is self._builtins

    # Running.

    def _evaluate(
        self, source: str | bytes, names: Names, mode: Mode, filename: str = "<string>"
    ) -> object:
        text = source if isinstance(source, str) else source.decode()
        self._remember(text.rstrip(PADDING))
        script = self._scripts.get(text.rstrip(PADDING))
        if script is not None:
            return script.play(self._processor, self._write)
        return self._run(self._compile(text, filename, mode), names)

    def _compile(self, source: str, filename: str, mode: Mode) -> tuple[CodeType, ...]:
        try:
            return compile_code(source, filename, mode)
        except (SyntaxError, ValueError, MemoryError, RecursionError) as error:
            problem = board_syntax_error(error, filename)
        raise problem

    def _run(self, codes: tuple[CodeType, ...], names: Names) -> object:
        names["__builtins__"] = self._builtins  # functions keep what they find when they are made
        functions = [FunctionType(code, names) for code in codes]
        del names["__builtins__"]
        return [function() for function in functions][-1]

    def _print_exception(self, error: BaseException) -> None:
        self._write(self.format_error(error))

    # Builtins.

    def _make_builtins(self) -> Names:
        own: Names = {name: getattr(builtins, name) for name in _BUILTINS.split()}
        own["__import__"] = self._import
        own["print"] = self._print
        own["exec"] = self._exec
        own["eval"] = self._eval
        own[TICK] = self._processor.tick
        own[CAUGHT] = self._caught
        own[SHOW] = self._show
        return own

    def _exec(self, source: str | bytes, names: Names | None = None, /) -> None:
        self._evaluate(source, _caller() if names is None else names, "exec")

    def _eval(self, source: str | bytes, names: Names | None = None, /) -> object:
        return self._evaluate(source, _caller() if names is None else names, "eval")

    def _print(self, *values: object, sep: str = " ", end: str = "\n", file: object = None) -> None:
        text = sep.join(map(str, values)) + end
        write = self._write if file is None else getattr(file, "write")  # noqa: B009
        write(text)

    def _show(self, value: object) -> None:
        if value is not None:
            self._write(f"{value!r}\n")

    def _caught(self, error: BaseException) -> BaseException:
        self._processor.tick()
        return board_error(error)

    # Modules.

    def _import(
        self,
        name: str,
        _names: object = None,
        _local: object = None,
        _wanted: object = (),
        level: int = 0,
    ) -> object:
        if name in self._loaded:
            return self._loaded[name]
        if name.startswith("u") and not isinstance(self._modules.get(name[1:], ""), str):
            name = name[1:]  # with that letter a firmware's own module is found past all files
        if level or name not in self._modules:
            raise ImportError(f"no module named '{name.partition('.')[0]}'")
        found = self._modules[name]
        return self._load(name, found) if isinstance(found, str) else found

    def _load(self, name: str, source: str) -> ModuleType:
        """Runs a module's source; like a file's, it is in ``sys.modules`` from then on."""
        module = self._loaded[name] = ModuleType(name)
        try:
            self._run(self._compile(source, f"{name}.py", "exec"), vars(module))
        except BaseException:
            self._loaded.pop(name, None)
            raise
        return module
