"""Who has a seat on a device, and hears nothing of it."""

from belay_actors.device import MakeDeviceError, ThreadExit


class Nobody:
    """Has a seat, and hears nothing."""

    def receive_output(self, text: str, thread_id: str | None) -> None: ...

    def thread_ended(self, news: ThreadExit) -> None: ...

    def refuse(self, make_error: MakeDeviceError) -> None: ...

    def stop(self, make_error: MakeDeviceError) -> None: ...

    async def end(self) -> None: ...
