"""A Hypothesis state machine for session isolation.

================  ============================================================================
``_machine``      the rules, for Hypothesis
``_rig``          all devices and sessions of one program, and what it does to them
``_sessions``     a device, a session: alive in a task, and what is known of it
``_calls``        what a session may be asked to do, and what it must see then
``_boards``       how to reach boards, and what can be done to them from outside
``_guest``        the trio run in which all that lives from one rule to the next
================  ============================================================================
"""

from belay_actors.testing._isolation._boards import BoardControls as BoardControls
from belay_actors.testing._isolation._calls import IsolationError as IsolationError
from belay_actors.testing._isolation._machine import (
    SessionIsolationMachine as SessionIsolationMachine,
)
