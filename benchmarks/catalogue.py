"""Which benchmarks there are, by name, in the order in which they run."""

from figures import Benchmark
from rows.baud import baud
from rows.calls import calls
from rows.fairness import fairness
from rows.fleet import fleet, many
from rows.kernel import kernel
from rows.latency import latency
from rows.output import output
from rows.safeties import safeties
from rows.sessions import attaching, serial, sessions
from rows.sizes import sizes
from rows.startup import imports, startup
from rows.streams import streams

BENCHMARKS: dict[str, Benchmark] = {
    function.__name__: function
    for function in (
        calls,
        streams,
        attaching,
        serial,
        sessions,
        kernel,
        safeties,
        sizes,
        imports,
        startup,
        fleet,
        many,
        latency,
        baud,
        fairness,
        output,
    )
}
