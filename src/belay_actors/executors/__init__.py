"""From a Python function to what runs on the board: the runtime of functions, below the session."""

from belay_actors.executors._board_stream import StreamHost as StreamHost
from belay_actors.executors._streams import Stream as Stream, open_stream as open_stream
