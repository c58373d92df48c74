"""What this process holds of the host: memory, descriptors, children, tasks, and library objects.

Everything that a soak could leak on this side is counted here, by the operating system and by the
garbage collector, not by the library.
"""

import gc
import os
from collections import Counter
from pathlib import Path

import attrs
import trio

from belay_actors import Device, Session
from belay_actors.kernel import Actor
from belay_actors.transport import LocalLink

_KEPT = (Device, Session, Actor, LocalLink)


@attrs.frozen
class Memory:
    """Resident memory of this process in MiB."""

    now: float

    @classmethod
    def read(cls) -> "Memory":
        """Reads it from the kernel, after what is garbage was collected."""
        gc.collect()
        lines = Path("/proc/self/status").read_text("ascii", "replace").splitlines()
        fields = dict(line.split(":", 1) for line in lines)
        return cls(int(fields["VmRSS"].split(maxsplit=1)[0]) / 1024)


@attrs.frozen
class Holdings:
    """What this process holds, each thing by a name that tells it from others."""

    children: frozenset[int]
    descriptors: int
    tasks: int
    objects: int

    @classmethod
    def read(cls) -> "Holdings":
        """Counts now. Only inside of ``trio.run``."""
        tasks = trio.lowlevel.current_statistics().tasks_living
        objects = sum(count_objects().values())
        descriptors = len([*Path("/proc/self/fd").iterdir()])
        return cls(children_of(os.getpid()), descriptors, tasks, objects)

    def leaks_since(self, before: "Holdings") -> list[str]:
        """Says what is held now and was not held before."""
        leaks = [f"child process {pid}" for pid in self.children - before.children]
        for name in ("descriptors", "tasks", "objects"):
            more = getattr(self, name) - getattr(before, name)
            leaks += [f"{more} more {name} of the host"] if more > 0 else []
        return leaks


def count_objects() -> Counter[str]:
    """Counts the library's long-lived objects that somebody still holds, by type."""
    gc.collect()
    found = (type(each) for each in gc.get_objects() if isinstance(each, _KEPT))
    return Counter(each.__name__ for each in found)


def children_of(parent: int) -> frozenset[int]:
    """Ids of a process's children, the ones that nobody has waited for included."""
    places = Path("/proc").glob("[0-9]*")
    return frozenset(int(place.name) for place in places if parent_of(int(place.name)) == parent)


def parent_of(pid: int) -> int | None:
    """Id of a process's parent; ``None`` if there is no such process."""
    fields = _stat(pid)
    return int(fields[1]) if fields else None


def state_of(pid: int) -> str:
    """The state letter of a process, as in proc(5); ``X`` if there is none."""
    fields = _stat(pid)
    return fields[0] if fields else "X"


def _stat(pid: int) -> list[str]:
    try:
        text = Path(f"/proc/{pid}/stat").read_text("ascii", "replace")
    except OSError:
        return []
    return text.rpartition(") ")[2].split()
