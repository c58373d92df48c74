"""Tools to test programs that use boards: a board in memory, faults, searches for what breaks.

Needs the extra ``testing``: ``pip install 'belay_actors[testing]'``.
"""

from belay_actors.testing._everywhere import (
    Sweep as Sweep,
    break_everywhere as break_everywhere,
    cancel_everywhere as cancel_everywhere,
)
from belay_actors.testing._fake import (
    FakeBoard as FakeBoard,
    FakeLink as FakeLink,
    open_fake_board as open_fake_board,
)
from belay_actors.testing._fault_stream import (
    FaultStream as FaultStream,
    FaultTransport as FaultTransport,
)
from belay_actors.testing._faults import (
    Break as Break,
    Corrupt as Corrupt,
    Drop as Drop,
    Duplicate as Duplicate,
    End as End,
    Fault as Fault,
    FaultPlan as FaultPlan,
    Insert as Insert,
    Stall as Stall,
    random_faults as random_faults,
)
from belay_actors.testing._hang import HangError as HangError
from belay_actors.testing._isolation import (
    BoardControls as BoardControls,
    IsolationError as IsolationError,
    SessionIsolationMachine as SessionIsolationMachine,
)
from belay_actors.testing._leaks import LeakCheck as LeakCheck, LeakError as LeakError
