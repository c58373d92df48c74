"""Random functions: Python text that the host and a board must run alike.

The name of a variable says its type, so that any scope may use it: that of the function, of
functions, lambdas, classes and comprehensions in it. What differs between Python and MicroPython
by itself is left out: the order of dicts, of a key and its value, and of what is equal in a sorted
list; names that are bound only where a constant condition never lets the program go; the lines of
the condition of a ``while`` and of the end of a ``with``, which MicroPython does not note.
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

    def number(self, depth: int) -> str:
        deeper = depth - 1

        def a() -> str:
            return self.number(deeper)

        forms: list[Callable[[], str]] = [
            lambda: str(self.draw(st.integers(-3, 12))),
            lambda: self.one_of(*INTS),
            lambda: self.one_of(*INTS),
            lambda: "LIMIT",
            lambda: f"({a()} {self.one_of('+', '-', '//', '%', '&', '|')} {a()})",
            lambda: f"({a()} * {a()} % 1000)",
            lambda: f"({a()} if {self.condition(deeper)} else {a()})",
            lambda: f"len({self.sequence(deeper)} + [{a()}])",
            lambda: f"len({self.text(deeper)})",
            lambda: f"{self.sequence(deeper)}[{a()}]",
            lambda: f"int({self.text(deeper)})",
            lambda: f"(lambda {self.one_of('alpha', 'beta')}, gamma={a()}: {a()})({a()})",
            lambda: f"(lambda counter: {a()})(counter={a()})",
            lambda: f"({self.one_of(*INTS)} := {a()})",
            lambda: f"sum({self.sequence(deeper)})",
            lambda: f"helper({a()}, gamma={a()})",
            lambda: f"(-{a()})",
            lambda: f"max({a()}, {a()}, *{self.sequence(deeper)})",
            lambda: f"{{3: {a()}}}[{a()}]",
        ]
        return forms[self.pick(4, len(forms), depth)]()

    def condition(self, depth: int) -> str:
        deeper = depth - 1

        def a() -> str:
            return self.number(deeper)

        forms: list[Callable[[], str]] = [
            lambda: self.one_of("beta is beta", "beta is None"),
            lambda: f"{self.one_of(*INTS)} < {self.one_of(*INTS)}",
            lambda: f"{a()} <= {a()} < {a()}",
            lambda: (
                f"({self.condition(deeper)} {self.one_of('and', 'or')} {self.condition(deeper)})"
            ),
            lambda: f"(not {self.condition(deeper)})",
            lambda: f"{a()} {self.one_of('in', 'not in')} {self.sequence(deeper)}",
            lambda: f"{self.text(deeper)} == {self.text(deeper)}",
            lambda: f"({a()} or {a()}) is not None",
        ]
        return forms[self.pick(2, len(forms), depth)]()

    def text(self, depth: int) -> str:
        deeper = depth - 1
        forms: list[Callable[[], str]] = [
            lambda: self.one_of("''", "'x'", "'{}'", '"a\'b"', "'q\"'", "'12'", r"'é\n\x00'"),
            lambda: self.one_of(*TEXTS),
            lambda: "NAME",
            lambda: f"({self.text(deeper)} + {self.text(deeper)})",
            lambda: f"str({self.number(deeper)})",
            lambda: f"{self.text(deeper)}[{self.number(deeper)}:]",
            lambda: f"'%s-%d' % ({self.text(deeper)}, {self.number(deeper)})",
            lambda: f"{self.text(deeper)}.replace('a', 'x')",
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
            for value in (self.number(depth), self.text(depth))
        ]
        body = "".join(parts)
        has_more = any(mark in body for mark in "'\"\\")  # Python 3.11 takes none of them
        return "f'{LIMIT}'" if has_more else f"f'{body}'"

    def sequence(self, depth: int) -> str:
        deeper = depth - 1
        name = self.one_of(*INTS)

        def a() -> str:
            return self.number(1)

        forms: list[Callable[[], str]] = [
            lambda: self.one_of(*LISTS),
            lambda: f"[{self.number(deeper)}, {self.number(deeper)}]",
            lambda: f"({self.sequence(deeper)} + {self.sequence(deeper)})",
            lambda: f"[{self.number(2)} for {name} in {self.sequence(deeper)}]",
            lambda: f"[{a()} for {name} in {self.sequence(deeper)} if {self.condition(deeper)}]",
            lambda: f"[{name} for {name}, *others in [{self.sequence(deeper)}]]",
            lambda: f"sorted({self.sequence(deeper)}, key=lambda {name}: 5 - {name})",
            lambda: f"list({a()} for {name} in {self.sequence(deeper)})",
            lambda: f"sorted({{{a()} for {name} in {self.sequence(deeper)}}})",
            lambda: f"sorted({{{a()}: {name} for {name} in {self.sequence(deeper)}}})",
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
            lambda: f"{e.one_of(*ints)} = {e.number(d)}",
            lambda: f"{e.one_of(*ints)}: int = {e.number(d)}",
            lambda: f"{e.one_of(*TEXTS)} = {e.text(d)}",
            lambda: f"{e.one_of(*lists)} = {e.sequence(d)}",
            lambda: f"{e.one_of(*ints)} {e.one_of('+=', '-=', '//=', '|=')} {e.number(d)}",
            lambda: f"{e.one_of(*ints)}, *{e.one_of(*lists)} = {e.sequence(d)}",
            lambda: f"{e.one_of(*ints)} = {e.one_of(*ints)} = {e.number(d)}",
            lambda: f"{e.one_of(*lists)}[{e.number(1)}] = {e.number(d)}",
            lambda: f"{e.one_of(*lists)}.append({e.number(d)})",
            lambda: f"assert {e.condition(d)}, {e.text(1)}",
            lambda: f"raise {e.one_of('ValueError', 'KeyError', 'IndexError')}({e.number(1)})",
            lambda: f"{e.text(d)}",
            lambda: "'''a text\n    alone'''",
            lambda: f"{e.one_of(*ints)} = (\n {e.number(1)}\n + {e.number(1)}\n)",
        ]
        if in_function:
            forms.append(lambda: f"del {e.one_of(*ints, *TEXTS)}")
            forms.append(lambda: f"return {e.number(d)}, {e.text(1)}, {e.sequence(1)}")
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

        lines = [f"if {self.e.condition(2)}:", *block()]
        if self.draw(st.booleans()):
            lines += [f"elif {self.e.condition(2)}:", *block()]
        if self.draw(st.booleans()):
            lines += ["else:", *block()]
        return lines

    def for_(self, depth: int, in_loop: bool, in_function: bool) -> list[str]:
        body = self.block(depth - 1, in_loop=True, in_function=in_function)
        head = f"for {self.e.one_of(*INTS)} in list({self.e.sequence(2)})[:3]:"
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
            lines += [f"STATE = {self.e.number(1)}", f"items = [{self.e.number(1)}, STATE]"]
        return indent([*lines, *body])

    def function(self, depth: int, in_loop: bool, in_function: bool) -> list[str]:
        name = self.e.one_of("inner", "other")
        last = self.e.one_of("", ", *others", ", **named", ", *, counter=1")
        default = self.e.number(1)
        call = self.e.one_of(f"{name}({self.e.number(1)})", f"{name}({self.e.number(1)}, beta=2)")
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
            f"    alpha = {self.e.number(1)}",
            *indent(self.block(depth - 1, in_loop=False, in_function=False)),
            "    def method(self, beta):",
            *indent(self.scope(depth)),
            f"title = str(Thing.alpha) + str(Thing().method({self.e.number(1)}))",
        ]

    def generator(self, depth: int, in_loop: bool, in_function: bool) -> list[str]:
        return [
            f"def numbers(alpha={self.e.number(1)}):",
            "    for beta in range(2):",
            *indent(indent(self.block(depth - 1, in_loop=True))),
            f"        yield {self.e.number(1)}",
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
