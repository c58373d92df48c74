"""The features that are looked for on a board: what firmwares differ in."""

# Modules that firmwares differ in, each with the names that they differ in. A module is imported
# for that, so there are none here whose import does something.
WANTED: dict[str, tuple[str, ...]] = {
    "machine": (
        *("Pin", "Timer", "I2C", "SoftI2C", "SPI", "SoftSPI", "UART", "ADC", "PWM", "RTC", "WDT"),
        *("reset", "unique_id"),
    ),
    "os": ("listdir", "ilistdir", "remove", "rename", "mkdir", "stat", "statvfs", "sync"),
    "sys": ("stdin", "modules"),
    "time": ("ticks_ms",),
    "select": ("poll",),
    "json": (),
    "binascii": (),
    "hashlib": (),
    "struct": (),
    "deflate": (),
    "socket": (),
    "network": (),
    "bluetooth": (),
    "micropython": (),
    "microbit": (),
    "_thread": (),
    "asyncio": (),
}
FEATURES = tuple(
    feature
    for module, names in WANTED.items()
    for feature in (module, *(f"{module}.{name}" for name in names))
)
