"""Random functions: Python text that the host and a board must run alike.

The name of a variable says its type, so that any scope may use it: that of the function, of
functions, lambdas, classes and comprehensions in it. What differs between Python and MicroPython
by itself is left out: the order of dicts, and of what is equal in a sorted list; names that are
bound only where a constant condition never lets the program go; the lines of the condition of a
``while`` and of the end of a ``with``, which MicroPython does not note.
"""

from collections.abc import Callable

from hypothesis import strategies as st

INTS = ("alpha", "beta", "gamma", "counter")
TEXTS = ("title", "label")
LISTS = ("items", "others")
HEAD = """\
LIMIT = 7
NAME = "limit"


@task
def helper(alpha, *, gamma=1):
    return alpha * 2 - gamma


@task
def target(alpha, beta=2, *others, gamma=LIMIT, **named):
    counter = 3
    title = "abc"
    label = NAME
    items = [1, 2, 3]
    others = list(others)
"""


class Expressions:
    """Draws expressions."""

    def __init__(self, draw: st.DrawFn) -> None:
        self.draw = draw

    def one_of(self, *choices: str) -> str:
        return self.draw(st.sampled_from(choices))

    def pick(self, simple: int, all_: int, depth: int) -> int:
        """A number that stands for a form; when it is deep enough, for a simple one."""
        return self.draw(st.integers(0, (all_ if depth > 0 else simple) - 1))

    def int(self, depth: int) -> str:
        n, deeper = INTS, depth - 1
        a, b = (lambda: self.int(deeper)), (lambda: self.int(deeper))
        forms: list[Callable[[], str]] = [
            lambda: str(self.draw(st.integers(-3, 12))),
            lambda: self.one_of(*n),
            lambda: self.one_of(*n),
            lambda: "LIMIT",
            lambda: f"({a()} {self.one_of('+', '-', '//', '%', '&', '|')} {b()})",
            lambda: f"({a()} * {b()} % 1000)",
            lambda: f"({a()} if {self.bool(deeper)} else {b()})",
            lambda: f"len({self.list(deeper)} + [{a()}])",
            lambda: f"len({self.text(deeper)})",
            lambda: f"{self.list(deeper)}[{a()}]",
            lambda: f"int({self.text(deeper)})",
            lambda: f"(lambda {self.one_of('alpha', 'beta')}, gamma={b()}: {a()})({b()})",
            lambda: f"(lambda counter: {a()})(counter={b()})",
            lambda: f"({self.one_of(*n)} := {a()})",
            lambda: f"sum({self.list(deeper)})",
            lambda: f"helper({a()}, gamma={b()})",
            lambda: f"(-{a()})",
            lambda: f"max({a()}, {b()}, *{self.list(deeper)})",
            lambda: f"{{{a()}: {b()}}}[{a()}]",
        ]
        return forms[self.pick(4, len(forms), depth)]()

    def bool(self, depth: int) -> str:
        deeper = depth - 1
        a, b = (lambda: self.int(deeper)), (lambda: self.int(deeper))
        forms: list[Callable[[], str]] = [
            lambda: self.one_of("beta is beta", "beta is None"),
            lambda: f"{self.one_of(*INTS)} < {self.one_of(*INTS)}",
            lambda: f"{a()} <= {b()} < {a()}",
            lambda: f"({self.bool(deeper)} {self.one_of('and', 'or')} {self.bool(deeper)})",
            lambda: f"(not {self.bool(deeper)})",
            lambda: f"{a()} {self.one_of('in', 'not in')} {self.list(deeper)}",
            lambda: f"{self.text(deeper)} == {self.text(deeper)}",
            lambda: f"({a()} or {b()}) is not None",
        ]
        return forms[self.pick(2, len(forms), depth)]()

    def text(self, depth: int) -> str:
        deeper = depth - 1
        forms: list[Callable[[], str]] = [
            lambda: self.one_of("''", "'x'", "'{}'", '"a\'b"', "'q\"'", "'12'", r"'é\n\x00'"),
            lambda: self.one_of(*TEXTS),
            lambda: "NAME",
            lambda: f"({self.text(deeper)} + {self.text(deeper)})",
            lambda: f"str({self.int(deeper)})",
            lambda: f"{self.text(deeper)}[{self.int(deeper)}:]",
            lambda: f"'%s-%d' % ({self.text(deeper)}, {self.int(deeper)})",
            lambda: f"{self.text(deeper)}.upper()",
            lambda: self.f_string(deeper),
            lambda: self.f_string(deeper),
        ]
        return forms[self.pick(3, len(forms), depth)]()

    def f_string(self, depth: int) -> str:
        parts = [
            self.one_of(
                f"{{ {value} }}",
                f"{{ {value} !r}}",
                f"{{ {value} :>6}}",
                f"{{ {value} :>{{LIMIT}}}}",
                f"{{ {self.one_of(*INTS, *TEXTS)} = }}",
                "{{a",
                "}}",
                "% %s",
            )
            for value in (self.int(depth), self.text(depth))
        ]
        body = "".join(parts)
        has_more = any(mark in body for mark in "'\"\\")  # Python 3.11 takes none of them
        return "f'{LIMIT}'" if has_more else f"f'{body}'"

    def list(self, depth: int) -> str:
        deeper = depth - 1
        name = self.one_of(*INTS)
        forms: list[Callable[[], str]] = [
            lambda: self.one_of(*LISTS),
            lambda: f"[{self.int(deeper)}, {self.int(deeper)}]",
            lambda: f"({self.list(deeper)} + {self.list(deeper)})",
            lambda: f"[{self.int(2)} for {name} in {self.list(deeper)}]",
            lambda: f"[{self.int(1)} for {name} in {self.list(deeper)} if {self.bool(deeper)}]",
            lambda: f"[{name} for {name}, *others in [{self.list(deeper)}]]",
            lambda: f"sorted({self.list(deeper)}, key=lambda {name}: 5 - {name})",
            lambda: f"list({self.int(1)} for {name} in {self.list(deeper)})",
            lambda: f"sorted({{{self.int(1)} for {name} in {self.list(deeper)}}})",
            lambda: f"sorted({{{self.int(1)}: {name} for {name} in {self.list(deeper)}}})",
        ]
        return forms[self.pick(1, len(forms), depth)]()


class Statements:
    """Draws statements, one or more lines each."""

    def __init__(self, draw: st.DrawFn) -> None:
        self.draw = draw
        self.e = Expressions(draw)

    def block(self, depth: int, *, in_loop: bool, in_function: bool = True) -> list[str]:
        count = self.draw(st.integers(1, 3))
        return [
            line
            for _ in range(count)
            for line in self.statement(depth, in_loop=in_loop, in_function=in_function)
        ]

    def simple(self, *, in_loop: bool, in_function: bool) -> str:
        e, d = self.e, 2
        ints, lists = INTS, LISTS
        forms: list[Callable[[], str]] = [
            lambda: f"{e.one_of(*ints)} = {e.int(d)}",
            lambda: f"{e.one_of(*ints)}: int = {e.int(d)}",
            lambda: f"{e.one_of(*TEXTS)} = {e.text(d)}",
            lambda: f"{e.one_of(*lists)} = {e.list(d)}",
            lambda: f"{e.one_of(*ints)} {e.one_of('+=', '-=', '//=', '|=')} {e.int(d)}",
            lambda: f"{e.one_of(*ints)}, *{e.one_of(*lists)} = {e.list(d)}",
            lambda: f"{e.one_of(*ints)} = {e.one_of(*ints)} = {e.int(d)}",
            lambda: f"{e.one_of(*lists)}[{e.int(1)}] = {e.int(d)}",
            lambda: f"{e.one_of(*lists)}.append({e.int(d)})",
            lambda: f"assert {e.bool(d)}, {e.text(1)}",
            lambda: f"raise {e.one_of('ValueError', 'KeyError', 'IndexError')}({e.int(1)})",
            lambda: f"{e.text(d)}",
            lambda: "'''a text\n    alone'''",
            lambda: f"{e.one_of(*ints)} = (\n {e.int(1)}\n + {e.int(1)}\n)",
        ]
        if in_function:
            forms.append(lambda: f"del {e.one_of(*ints, *TEXTS)}")
            forms.append(lambda: f"return {e.int(d)}, {e.text(1)}, {e.list(1)}")
        if in_loop:
            forms += [lambda: "break", lambda: "continue"]
        return forms[self.draw(st.integers(0, len(forms) - 1))]()

    def statement(self, depth: int, *, in_loop: bool, in_function: bool) -> list[str]:
        if depth == 0 or self.draw(st.booleans()):
            return [self.simple(in_loop=in_loop, in_function=in_function)]
        forms = [self.if_, self.for_, self.while_, self.try_, self.with_]
        forms += [self.function, self.function, self.class_, self.generator]
        return forms[self.draw(st.integers(0, len(forms) - 1))](depth, in_loop, in_function)

    def if_(self, depth: int, in_loop: bool, in_function: bool) -> list[str]:
        def block() -> list[str]:
            return indent(self.block(depth - 1, in_loop=in_loop, in_function=in_function))

        lines = [f"if {self.e.bool(2)}:", *block()]
        if self.draw(st.booleans()):
            lines += [f"elif {self.e.bool(2)}:", *block()]
        if self.draw(st.booleans()):
            lines += ["else:", *block()]
        return lines

    def for_(self, depth: int, in_loop: bool, in_function: bool) -> list[str]:
        body = self.block(depth - 1, in_loop=True, in_function=in_function)
        head = f"for {self.e.one_of(*INTS)} in list({self.e.list(2)})[:3]:"
        return [head, *indent(body), *self.tail("else", depth, in_loop, in_function)]

    def while_(self, depth: int, in_loop: bool, in_function: bool) -> list[str]:
        body = self.block(depth - 1, in_loop=True, in_function=in_function)
        turns = f"turns{depth}{self.draw(st.integers(0, 9))}"
        lines = [f"{turns} = 0", f"while {turns} < 2:", *indent([f"{turns} += 1", *body])]
        return [*lines, *self.tail("else", depth, in_loop, in_function)]

    def try_(self, depth: int, in_loop: bool, in_function: bool) -> list[str]:
        def block() -> list[str]:
            return indent(self.block(depth - 1, in_loop=in_loop, in_function=in_function))

        kinds = self.e.one_of("ZeroDivisionError", "(IndexError, KeyError)", "Exception")
        name = self.e.one_of("", " as title", " as problem")
        lines = ["try:", *block(), f"except {kinds}{name}:", *block()]
        lines += self.tail("else", depth, in_loop, in_function)
        return [*lines, *self.tail("finally", depth, in_loop, in_function)]

    def tail(self, word: str, depth: int, in_loop: bool, in_function: bool) -> list[str]:
        if self.draw(st.booleans()):
            return []
        body = self.block(depth - 1, in_loop=in_loop, in_function=in_function)
        return [f"{word}:", *indent(body)]

    def with_(self, depth: int, in_loop: bool, in_function: bool) -> list[str]:
        body = self.block(depth - 1, in_loop=in_loop, in_function=in_function)
        return [
            "class Context:",
            "    def __enter__(self):",
            "        return 5",
            "    def __exit__(self, *error):",
            "        return False",
            f"with Context() as {self.e.one_of(*INTS)}, Context():",
            *indent(body),
        ]

    def scope(self, depth: int) -> list[str]:
        """The body of a function, with declarations that say whose its names are."""
        body = self.block(depth - 1, in_loop=False)
        choice = self.e.one_of("", "nonlocal counter, title", "nonlocal items", "global STATE")
        lines = [choice] if choice else []
        if choice == "global STATE":
            lines += [f"STATE = {self.e.int(1)}", f"items = [{self.e.int(1)}, STATE]"]
        return indent([*lines, *body])

    def function(self, depth: int, in_loop: bool, in_function: bool) -> list[str]:
        name = self.e.one_of("inner", "other")
        last = self.e.one_of("", ", *others", ", **named", ", *, counter=1")
        default = self.e.int(1)
        call = self.e.one_of(f"{name}({self.e.int(1)})", f"{name}({self.e.int(1)}, beta=2)")
        return [
            f"def {name}(alpha: int, beta={default}{last}) -> int:",
            '    """Its docstring."""',
            *self.scope(depth),
            f"others = [{call}]",
            "others = [4]",
        ]

    def class_(self, depth: int, in_loop: bool, in_function: bool) -> list[str]:
        return [
            "class Thing:",
            f"    alpha = {self.e.int(1)}",
            *indent(self.block(depth - 1, in_loop=False, in_function=False)),
            "    def method(self, beta):",
            *indent(self.scope(depth)),
            f"title = str(Thing.alpha) + str(Thing().method({self.e.int(1)}))",
        ]

    def generator(self, depth: int, in_loop: bool, in_function: bool) -> list[str]:
        return [
            f"def numbers(alpha={self.e.int(1)}):",
            "    for beta in range(2):",
            *indent(indent(self.block(depth - 1, in_loop=True))),
            f"        yield {self.e.int(1)}",
            "items = list(numbers())",
        ]


def indent(lines: list[str]) -> list[str]:
    """The lines of a block; a text that goes over lines is left alone after its first."""
    return [f"    {line}" for line in lines]


@st.composite
def modules(draw: st.DrawFn) -> str:
    """The text of a module with a function ``target``."""
    body = Statements(draw).block(3, in_loop=False)
    return HEAD + "\n".join(indent([*body, "return alpha, beta, gamma, items, others, title"]))
