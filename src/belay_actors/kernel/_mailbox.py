"""The mailbox of an actor: the queue of its blocked senders, in fair order.

Nothing is buffered: every entry is a caller that sleeps until it is served, so a caller that leaves
takes its request along, backpressure is exact, and closing can tell everyone at once.

Turns go round robin over lanes (a lane is a session) and first in, first out within one, so that a
session with a thousand tasks does not starve another. Urgent requests have a ring of their own,
which is emptied first. While a lane has a hold, nothing else is taken but its own requests and the
urgent ones.
"""

from collections.abc import Hashable, Iterator, Sequence

from belay_actors.kernel._hold import Hold
from belay_actors.kernel._request import MakeError, Request

AnyRequest = Request[object]


class _Ring:
    """Lanes in turn: the first of the dict is next, and one that was served goes last."""

    def __init__(self) -> None:
        self._lanes: dict[Hashable, dict[AnyRequest, None]] = {}

    def __iter__(self) -> Iterator[AnyRequest]:
        for lane in self._lanes.values():
            yield from lane

    def __len__(self) -> int:
        return sum(map(len, self._lanes.values()))

    def add(self, request: AnyRequest) -> None:
        self._lanes.setdefault(request.lane, {})[request] = None

    def take(self) -> AnyRequest | None:
        for name in self._lanes:
            return self.take_from(name)
        return None

    def take_from(self, name: Hashable) -> AnyRequest | None:
        lane = self._lanes.pop(name, None)
        if lane is None:
            return None
        request = next(iter(lane))
        del lane[request]
        if lane:
            self._lanes[name] = lane
        return request

    def discard(self, request: AnyRequest) -> bool:
        lane = self._lanes.get(request.lane, {})
        if request not in lane:
            return False
        del lane[request]
        if not lane:
            del self._lanes[request.lane]
        return True


class Mailbox:
    """Callers waiting for one actor."""

    def __init__(self) -> None:
        self._urgent = _Ring()
        self._normal = _Ring()
        self._holds: list[Hold] = []  # all of one lane
        self._closed: MakeError | None = None

    def __len__(self) -> int:
        return len(self._urgent) + len(self._normal)

    @property
    def is_closed(self) -> bool:
        """Whether nothing more is taken in."""
        return self._closed is not None

    def put(self, request: AnyRequest) -> None:
        """Takes in a request.

        Raises:
            Exception: the error that the mailbox was closed with.
        """
        if self._closed is not None:
            raise self._closed()
        (self._urgent if request.is_urgent else self._normal).add(request)

    def take(self) -> AnyRequest | None:
        """Takes out the request whose turn it is, or ``None`` if nobody may be served."""
        request = self._urgent.take()
        if request is not None:
            return request
        return self._normal.take_from(self._holds[0].lane) if self._holds else self._normal.take()

    def withdraw(self, request: AnyRequest) -> bool:
        """Removes a request that has not started; ``False`` if it has."""
        return self._urgent.discard(request) or self._normal.discard(request)

    def refuse(self, make_error: MakeError, lane: Hashable) -> None:
        """Settles all that wait in one lane with errors."""
        for request in [*self._urgent, *self._normal]:
            if request.lane == lane:
                self.withdraw(request)
                request.fail(make_error())

    # Holds.

    @property
    def holds(self) -> Sequence[Hold]:
        """The holds that there are; all are of one lane."""
        return self._holds

    def hold(self, hold: Hold) -> bool:
        """Has nothing but one lane served; ``False`` if another lane has a hold."""
        if self._holds and self._holds[0].lane != hold.lane:
            return False
        self._holds.append(hold)
        return True

    def release(self, hold: Hold) -> None:
        """Ends a hold, if it has not ended."""
        if hold in self._holds:
            self._holds.remove(hold)

    def release_all(self, lane: Hashable) -> None:
        """Ends all holds of one lane."""
        self._holds = [hold for hold in self._holds if hold.lane != lane]

    def close(self, make_error: MakeError) -> None:
        """Takes in nothing more, and tells everyone who waits. Later closings change nothing."""
        if self._closed is None:
            self._closed = make_error
        for request in [*self._urgent, *self._normal]:
            error = make_error()
            self.withdraw(request)
            request.fail(error)
