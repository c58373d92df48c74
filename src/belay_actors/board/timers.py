"""Stops the timers of a namespace that is about to be dropped; sent together with ``drop.py``.

Only where there is a ``sys.modules``: the smallest boards have neither that nor such timers.
"""


def stop_timers(names, stopped, stuck):
    # The firmware's own module is never listed there, and a "u" leads to it past all files; a file
    # that no program has loaded cannot be where a timer comes from.
    try:
        machine = sys.modules.get("machine") or __import__("umachine")
        kind = machine.Timer
        held = [name for name in names if isinstance(names[name], kind)]
    except Exception:
        return
    for name in held:
        try:
            names[name].deinit()
            stopped.append(name)
        except Exception as error:
            stuck.append((str(name), str(type(error)), str(error)))
