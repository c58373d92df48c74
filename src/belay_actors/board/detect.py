"""Finds out what the firmware has. It is taken out of the core's namespace before it runs.

Modules are imported to see whether they are there. A user's file may be among them, and raise; what
was not loaded before is not loaded afterwards, where the firmware keeps a list of that.

One function, without others in it: there are stacks of 1.8 KB.
"""


def detect(wanted):
    # wanted: "module name name;module name"; the answer has a digit for each of these words.
    import gc
    import sys

    loaded = getattr(sys, "modules", None)
    before = set(loaded or ())
    found = unique = ""
    bits = 0
    memory = machine = None
    for group in wanted.split(";"):
        module = None
        for name in group.split():
            try:
                if module is None:
                    module = 0
                    value = module = __import__(name)
                elif loaded is None:  # a small board: getattr would keep the name for ever
                    value = name in dir(module) or None
                else:
                    value = getattr(module, name)
                found += "01"[value is not None]
            except Exception:
                found += "0"
        machine = machine or module  # it is the first
    for name in set(loaded or ()) - before:
        del loaded[name]
    try:
        for byte in machine.unique_id():
            unique += "%02x" % byte
    except Exception:
        pass
    try:
        bits = 64 if 1 + 1 / 65536 / 65536 != 1 else 32
    except Exception:
        pass
    module = machine = value = None
    gc.collect()
    try:
        memory = gc.mem_alloc(), gc.mem_free()
    except Exception:
        pass
    return found, bits, memory, unique
