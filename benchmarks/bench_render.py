"""Drawing synthetic hands: pictures a second on one core, and where the time goes.

    OMP_NUM_THREADS=1 python benchmarks/bench_render.py --assets ASSETS

Processor time of one process, from the seed to the JPEG file. The last line is a yardstick for the machine's mood:
one picture in units of Pillow's compressing and reading the same picture as JPEG.
"""

from __future__ import annotations

import argparse
import cProfile
import pstats
import time
from pathlib import Path
from typing import Any

from timing import least

from edgehand.synth import Renderer, load
from edgehand.synth.dataset import QUALITY
from edgehand.synth.degrade import compressed, encoded

DRAWING = "<built-in method edgehand._render.{}>"
STAGES = {
    "poses": ["sample_pose"],
    "skin and normals": ["_skin"],
    "worn, held and around": ["_around"],
    "drawing in C++": [DRAWING.format("add"), DRAWING.format("seen"), DRAWING.format("shade")],
    "background": ["sample_background"],
    # Blur and JPEG are also what a poor camera does.
    "camera": ["degrade", "motion_blur < picture"],
    "JPEG": ["encoded < draw"],
}
"""Functions, or those < their callers, that make up each."""


def seconds_in(name: str, stats: Any) -> float:
    """Cumulated seconds of a function, or of its calls by one other."""
    name, _, caller = name.partition(" < ")
    return sum(
        times[3]
        for (_, _, function), (*_, callers) in stats.items()
        if function == name
        for (_, _, by), times in callers.items()
        if caller in ("", by)
    )


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--assets", type=Path, required=True)
    parser.add_argument("-n", type=int, default=300)
    parser.add_argument("--size", type=int, default=256)
    args = parser.parse_args()
    renderer = Renderer(load(args.assets), args.size)

    def draw(count: int) -> None:
        for index in range(count):
            encoded(renderer.picture(index)[0], QUALITY)

    draw(args.n)  # background photos are in memory from now on
    start = time.process_time()
    draw(args.n)
    seconds = (time.process_time() - start) / args.n
    print(f"{args.size} x {args.size}: {1 / seconds:.1f} pictures/s a core, {1e3 * seconds:.1f} ms each")

    profile = cProfile.Profile(time.process_time)
    profile.runcall(draw, args.n)
    spent: Any = pstats.Stats(profile)
    for stage, names in STAGES.items():
        share = sum(seconds_in(name, spent.stats) for name in names) / spent.total_tt
        print(f"  {stage}: {100 * share:.0f} %")
    picture = renderer.picture(0)[0]
    yardstick = least({"JPEG": lambda: compressed(picture, QUALITY)})["JPEG"]
    print(f"one picture takes {1e6 * seconds / yardstick:.0f} times as long as its JPEG round trip")


if __name__ == "__main__":
    main()
