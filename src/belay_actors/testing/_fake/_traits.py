"""What kind of board a fake board is: chosen when it is opened, and checked then."""

from collections.abc import Mapping

import attrs
from attrs import validators

_WINDOW_MAX = 0xFFFF

_count = validators.optional(validators.and_(validators.instance_of(int), validators.ge(0)))


@attrs.frozen(kw_only=True)
class Traits:
    """What kind of board it is; see ``open_fake_board``."""

    name: str
    raw_paste: int | None = attrs.field(
        validator=[_count, validators.optional(validators.le(_WINDOW_MAX))]
    )
    input_buffer: int | None = attrs.field(validator=_count)
    max_source: int | None = attrs.field(validator=_count)
    latency: float = attrs.field(validator=validators.ge(0))
    newline: str = attrs.field(validator=validators.in_(("\n", "\r\n")))
    modules: Mapping[str, object]
    is_lossless: bool
    can_restart: bool
