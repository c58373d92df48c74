"""Tries to import modules, before ``detect.py`` does, on a small board. Taken away before it runs.

A firmware keeps the name of what it has tried to import for ever, where there is memory just then:
on a small board that is not to be behind the code that detects.
"""


def try_imports(names):
    for name in names.split():
        try:
            __import__(name)
        except Exception:
            pass
