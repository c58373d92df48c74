"""Finds a board at a transport and attaches to it, or says what stands there in its place."""

import secrets

import trio

from belay_actors.device._attachment import Attachment
from belay_actors.device._connection import Connection, Listener
from belay_actors.device._news import LinkEnded, NoReply, TooMuchOutput
from belay_actors.errors import (
    DeviceCapabilityError,
    DeviceError,
    DeviceNotFoundError,
    ProtocolError,
)
from belay_actors.options import DeviceOptions
from belay_actors.transport import Transport
from belay_actors.wire import TOKEN_LENGTH


async def attach(
    transport: Transport, listener: Listener, options: DeviceOptions
) -> tuple[str, Attachment]:
    """Finds the board and makes it ready.

    Returns:
        The link's name for the board, and the attachment.

    Raises:
        DeviceNotFoundError: nothing there answers as a MicroPython.
        DeviceCapabilityError: a MicroPython without raw REPL.
        DeviceBusyError: another program holds the board.

    Cancellation: nothing stays open.
    """
    link = await transport.connect()
    token = secrets.token_hex(TOKEN_LENGTH // 2)
    connection = Connection(
        link,
        token,
        listener,
        max_output=options.max_output_bytes,
        use_paste=options.upload == "raw-paste"
        or (options.upload == "auto" and not link.is_lossless),
    )
    attachment = Attachment(
        connection,
        token,
        probe_limit=options.attach_timeout / 2,
        detect_limit=options.attach_timeout,
        may_reside=options.resident and connection.can_reside,
    )
    try:
        with trio.move_on_after(options.attach_timeout):
            await _set_up(attachment, transport.url)
            return link.name, attachment
        raise _no_raw_repl(connection.tail, options.attach_timeout, transport.url)
    except BaseException:
        with trio.CancelScope(shield=True):  # closing is bounded by the link
            await link.aclose()
        raise


async def _set_up(attachment: Attachment, url: str) -> None:
    try:
        await attachment.set_up()
    except LinkEnded as ended:
        raise DeviceNotFoundError(
            f"no MicroPython at {url}: {ended}{_quote(attachment.connection.tail)}", device=url
        ) from None
    except (NoReply, TooMuchOutput, ValueError) as error:
        raise ProtocolError(
            f"the board does not answer its probe as expected: {error}", device=url
        ) from error


def _no_raw_repl(tail: bytes, seconds: float, url: str) -> DeviceError:
    if b"MicroPython" in tail:
        return DeviceCapabilityError(
            f"this MicroPython has no raw REPL (the unix port has one from 1.27 on)"
            f"{_quote(tail)}; use a newer firmware",
            device=url,
        )
    return DeviceNotFoundError(
        f"what is at {url} does not answer as a MicroPython within {seconds} s{_quote(tail)}; "
        "check that the URL names a board, or a MicroPython binary",
        device=url,
    )


def _quote(said: bytes) -> str:
    text = said.decode("utf-8", "backslashreplace").strip()[-200:]
    return f"; it said {text!r}" if text else ""
