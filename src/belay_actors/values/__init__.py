"""Typed values across the wire. Nothing that comes from a board is evaluated."""

from belay_actors.values._decode import Value as Value, decode as decode
from belay_actors.values._encode import encode as encode, encoders as encoders
from belay_actors.values._identifier import check_identifier as check_identifier
from belay_actors.values._misfit import Misfit as Misfit
from belay_actors.values._structure import check_type as check_type, structure as structure
from belay_actors.values._unstructure import (
    make_unstructurer as make_unstructurer,
    unstructure as unstructure,
)
