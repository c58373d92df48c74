"""The regression guard: fails where a ratio is more than twice its target.

It measures a few ratios, in some seconds, and needs no peer. No absolute time matters: each figure
is the ratio between our steps and the floor's, which were taken in turns, so that whatever slows
the machine down slows both. Of all steps the tenth percentile counts: those that did not have to
wait for a busy core. It measures once; there is no second try.
"""

import sys
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack

import trio

from figures import FLOOR, OURS, Settings
from rows.calls import CALL, EVALUATE, own_calls
from rows.kernel import ASK, asking, open_actor, two_checkpoints
from rows.streams import LONG, own_streams, row as item_row
from targets import GUARDED, Target
from timing import Samples, interleave

ALLOWANCE = 2.0  # times the target


async def measure() -> dict[str, dict[str, Samples]]:
    """Samples of all guarded rows."""
    settings = Settings()
    async with AsyncExitStack() as stack:
        call, evaluate = await own_calls(stack)
        make_streams = await own_streams(stack)
        actor = await stack.enter_async_context(open_actor())
        return {
            CALL: await interleave(call, settings),
            EVALUATE: await interleave(evaluate, settings),
            item_row(LONG): await interleave(make_streams(LONG), Settings(is_short=True)),
            ASK: await interleave({FLOOR: two_checkpoints, OURS: asking(actor)}, settings),
        }


def find_ratios(
    samples: Mapping[str, Mapping[str, Samples]], targets: Sequence[Target] = GUARDED
) -> dict[Target, float]:
    """The ratio of each target that was measured."""
    ratios: dict[Target, float] = {}
    for target in targets:
        ours = samples[target.row].get(target.contender)
        if ours is not None:
            ratios[target] = ours.ratio_to(samples[target.row][target.other or FLOOR])
    return ratios


def main() -> None:
    """Measures, prints, and fails where a ratio is far off."""
    ratios = find_ratios(trio.run(measure))
    is_far_off = False
    for target, ratio in ratios.items():
        limit = target.limit * ALLOWANCE
        is_far_off = is_far_off or ratio > limit
        verdict = "FAR OFF" if ratio > limit else "ok"
        print(
            f"{target.row:<32}{target.contender:<26}{ratio:>6.2f} × floor"
            f"  (target {target.limit:.1f}, fails above {limit:.1f})  {verdict}"
        )
    sys.exit("a ratio is more than twice its target" if is_far_off else 0)


if __name__ == "__main__":
    main()
