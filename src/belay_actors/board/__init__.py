"""The code that runs on the board, as real Python files, and how it is made ready to send.

``core.py``, ``probe.py``, ``drop.py`` and ``census.py`` are never imported by the host: they are
package data, read as text and shrunk. The functions here return complete sources; nothing else
knows their insides.
"""

from belay_actors.board._source import (
    CORE_NAME as CORE_NAME,
    PADDING as PADDING,
    Helper as Helper,
    call_source as call_source,
    checked_source as checked_source,
    core_source as core_source,
    helper_source as helper_source,
    probe_source as probe_source,
)
