"""Finds out what the firmware has. Runs in a namespace of its own, which nobody keeps.

Modules are imported to see whether they are there. A user's file may be among them, and raise; what
was not loaded before is not loaded afterwards, where the firmware keeps a list of that.
"""


def detect(wanted):
    # wanted: "module name name;module name"; the answer has a digit for each of these words.
    import gc
    import sys

    def attempt(make, *args):
        try:
            return make(*args)
        except Exception:
            return None

    loaded = getattr(sys, "modules", {})
    before = set(loaded)
    found = ""
    for group in wanted.split(";"):
        module = None
        for name in group.split():
            if module is None:
                module = value = attempt(__import__, name)
                module = module or 0
            else:
                value = attempt(getattr, module, name)
            found += "01"[value is not None]
    machine = attempt(__import__, "machine")
    unique = attempt(lambda: "".join(["%02x" % byte for byte in machine.unique_id()])) or ""
    bits = attempt(lambda: 64 if 1 + 1 / 65536 / 65536 != 1 else 32) or 0
    for name in set(loaded) - before:
        del loaded[name]
    module = machine = value = None
    gc.collect()
    memory = attempt(lambda: (gc.mem_alloc(), gc.mem_free()))
    return found, bits, memory, unique
