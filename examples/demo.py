"""The exported model on one picture with a known answer: size, time, error, and the hand drawn.

Usage: python examples/demo.py FOLDER, where FOLDER holds lite-int8.tflite.
"""

import sys
import time
from pathlib import Path

import numpy as np

from edgehand import HandPose, draw
from edgehand.datasets import load

HERE = Path(__file__).parent
MODEL = Path(sys.argv[1]) / "lite-int8.tflite"

(sample,) = load(f"coco:{HERE}")
pose = HandPose(MODEL)
times = []
for _ in range(50):
    started = time.perf_counter()
    (hand,) = pose(sample.image, [sample.box])
    times.append(time.perf_counter() - started)
errors = np.linalg.norm(hand.keypoints - sample.keypoints, axis=1)

print(f"model  {MODEL.name}, {MODEL.stat().st_size / 1e6:.2f} MB, INT8")
print(f"time   {np.median(times) * 1e3:.1f} ms, from JPEG to keypoints (median of {len(times)})")
print(
    f"error  {errors.mean():.1f} pixels, {errors.mean() / max(sample.box[2:]):.1%} of the box's longer side"
)
picture = Path(sys.argv[1]) / "hand.png"
draw(sample.image, [hand]).save(picture)
print(f"drawn  {picture}")
