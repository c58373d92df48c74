"""URLs of serial ports."""

import pytest

from belay_actors import InvalidURLError
from belay_actors.transport import ModemLine, SerialSettings, SerialTransport, parse_url


@pytest.mark.parametrize(
    "path",
    [
        "/dev/ttyACM0",
        "/dev/serial/by-id/usb-Raspberry_Pi_Pico-if00",
        "/dev/with a space",
        "/dev/with%20percent",
        "/dev/what?",
    ],
)
def test_a_path_alone_names_a_port_as_it_is(path: str) -> None:
    assert parse_url(path) == SerialTransport(path, path, SerialSettings())


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("serial:/dev/ttyACM0", "/dev/ttyACM0"),
        ("serial:/dev/with%20a%20space", "/dev/with a space"),
        ("serial:/dev/what%3F", "/dev/what?"),
        ("serial:/dev/100%25", "/dev/100%"),
        ("serial:ttyACM0", "ttyACM0"),
    ],
)
def test_a_path_in_a_url_may_have_escapes(url: str, path: str) -> None:
    assert parse_url(url) == SerialTransport(url, path, SerialSettings())


@pytest.mark.parametrize(
    ("query", "settings"),
    [
        ("baudrate=9600", SerialSettings(baudrate=9600)),
        ("baudrate=250000", SerialSettings(baudrate=250_000)),
        ("inputbuffer=256", SerialSettings(input_buffer=256)),
        ("lossless=on", SerialSettings(is_lossless=True)),
        ("lossless=off", SerialSettings()),
        ("dtr=on", SerialSettings(lines=((ModemLine.DTR, True),))),
        ("rts=off", SerialSettings(lines=((ModemLine.RTS, False),))),
        ("reset=dtr", SerialSettings(reset_line=ModemLine.DTR)),
        (
            "reset=rts&rts=off&dtr=off&inputbuffer=1&baudrate=1",
            SerialSettings(
                baudrate=1,
                input_buffer=1,
                lines=((ModemLine.DTR, False), (ModemLine.RTS, False)),
                reset_line=ModemLine.RTS,
            ),
        ),
    ],
)
def test_options(query: str, settings: SerialSettings) -> None:
    url = f"serial:/dev/ttyUSB0?{query}"
    assert parse_url(url) == SerialTransport(url, "/dev/ttyUSB0", settings)


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("serial:", "names no port; write serial:/dev/ttyACM0"),
        ("serial:?baudrate=9600", "names no port"),
        ("ttyACM0", "must start with micropython:, serial: or be the path"),
        ("serial:/dev/ttyUSB0?baudrate=0", "baudrate=0 is no number above 0"),
        ("serial:/dev/ttyUSB0?baudrate=-1", "baudrate=-1 is no number above 0"),
        ("serial:/dev/ttyUSB0?baudrate=9600.0", "baudrate=9600.0 is no number above 0"),
        ("serial:/dev/ttyUSB0?baudrate=fast", "baudrate=fast is no number above 0"),
        ("serial:/dev/ttyUSB0?baudrate=", "baudrate= is no number above 0"),
        ("serial:/dev/ttyUSB0?baudrate", "cannot be used"),
        ("serial:/dev/ttyUSB0?inputbuffer=0", "inputbuffer=0 is no number above 0"),
        ("serial:/dev/ttyUSB0?lossless=yes", "lossless=yes is none of on, off"),
        ("serial:/dev/ttyUSB0?dtr=1", "dtr=1 is none of on, off"),
        ("serial:/dev/ttyUSB0?reset=cts", "reset=cts is none of dtr, rts"),
        ("serial:/dev/ttyUSB0?parity=even", "unknown option parity; known is baudrate, input"),
        ("serial:/dev/ttyUSB0?baudrate=9600&baudrate=115200", "baudrate is given twice"),
        ("micropython:?heapsize=1M&heapsize=2M", "heapsize is given twice"),
    ],
)
def test_what_makes_no_sense_is_refused(url: str, problem: str) -> None:
    with pytest.raises(InvalidURLError, match=problem) as caught:
        parse_url(url)
    assert caught.value.device == url
