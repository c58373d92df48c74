"""Actors on trio: mailbox, request, actor, and nurseries for supervision. Knows no board."""

from belay_actors.kernel._actor import Actor as Actor, ActorStatistics as ActorStatistics
from belay_actors.kernel._request import (
    MakeError as MakeError,
    Operation as Operation,
    UnsettledError as UnsettledError,
)
from belay_actors.kernel._rest import WATCH as WATCH
from belay_actors.kernel._service import (
    ServiceNursery as ServiceNursery,
    open_body_nursery as open_body_nursery,
    open_service_nursery as open_service_nursery,
)
