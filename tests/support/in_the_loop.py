"""What tests of the resident loop ask of a device."""

import trio

from belay_actors import Device

PATIENCE = 10  # seconds
BUSY = b"x 9 0 16 1435 while True: pass".ljust(64)  # a request that never ends


def is_resident(device: Device) -> bool:
    return device._board.attachment.connection.is_resident


async def check(device: Device) -> None:
    """Calls work, in the loop."""
    with trio.fail_after(PATIENCE):
        assert await device.evaluate("6 * 7") == 42
        assert await device.execute("print('own')") == "own\n"
    assert is_resident(device)


def say_no_goodbye(device: Device) -> None:
    """Has the device be closed as if its process was killed: the board is left as it is."""
    connection = device._board.attachment.connection
    device._board.close = lambda **_: connection.aclose()  # type: ignore[method-assign]  # pyright: ignore
