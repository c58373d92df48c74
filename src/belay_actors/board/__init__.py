"""The code that runs on the board, as real Python files, and how it is made ready to send.

The other modules without an underscore are never imported by the host: they are package data, read
as text and shrunk. The functions here return complete sources; nothing else knows their insides.
"""

from belay_actors.board._shrink import join_tokens as join_tokens
from belay_actors.board._source import (
    CORE_NAME as CORE_NAME,
    FREE_MEMORY as FREE_MEMORY,
    PADDING as PADDING,
    Helper as Helper,
    at_once as at_once,
    call_source as call_source,
    checked_source as checked_source,
    core_source as core_source,
    detect_sources as detect_sources,
    helper_source as helper_source,
    imports_source as imports_source,
    probe_source as probe_source,
    source_in_parts as source_in_parts,
)
from belay_actors.board._tools import (
    BOARD_TOOLS as BOARD_TOOLS,
    should_stop as should_stop,
    sleep_ms as sleep_ms,
)
