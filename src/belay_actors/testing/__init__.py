"""Tools to test programs that use boards: break them everywhere, and see what they leave."""

from belay_actors.testing._everywhere import (
    Sweep as Sweep,
    break_everywhere as break_everywhere,
    cancel_everywhere as cancel_everywhere,
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
from belay_actors.testing._leaks import LeakCheck as LeakCheck, LeakError as LeakError
