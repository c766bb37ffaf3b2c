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

from timing import least

from edgehand.synth import Renderer, load
from edgehand.synth.dataset import QUALITY
from edgehand.synth.degrade import compressed, encoded

STAGES = {
    "poses": "sample_pose",
    "skin and normals": "_skin",
    "worn, held and around": "_around",
    "drawing in C++": (
        "<built-in method edgehand._render.add>",
        "<built-in method edgehand._render.seen>",
        "<built-in method edgehand._render.shade>",
    ),
    "background": "sample_background",
    "camera": ("degrade", "motion_blur"),
    "JPEG": "encoded",
}


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
    spent = pstats.Stats(profile).get_stats_profile()
    for stage, names in STAGES.items():
        names = (names,) if isinstance(names, str) else names
        share = (
            sum(spent.func_profiles[name].cumtime for name in names if name in spent.func_profiles)
            / spent.total_tt
        )
        print(f"  {stage}: {100 * share:.0f} %")
    picture = renderer.picture(0)[0]
    yardstick = least({"JPEG": lambda: compressed(picture, QUALITY)})["JPEG"]
    print(f"one picture takes {1e6 * seconds / yardstick:.0f} times as long as its JPEG round trip")


if __name__ == "__main__":
    main()
