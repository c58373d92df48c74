"""``python -m belay_actors.cli.demo``: four local MicroPythons and eight sessions, all at once.

Where to read first: ``_work.py``, the sessions where all goes well; ``_trouble.py``, those where it
does not; ``_play.py``, how one trio program runs them together. ``_stage.py`` keeps the books of
what happened, and ``_screen.py`` and ``_tables.py`` show them.
"""
