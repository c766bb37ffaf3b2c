"""What a model file finds by one look at each hand, as a float network has, where HandPose looks again."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgehand import image
from edgehand.datasets import Sample
from edgehand.runtime.artifact import open_model
from edgehand.runtime.estimator import find_keypoints, table_for


def first_looks(file: Path | str, samples: list[Sample]) -> NDArray[np.float32]:
    """Keypoints (N, 21, 2) in pixels of the pictures, boxes from the labels."""
    model = open_model(file)
    table = table_for(model)
    return np.stack(
        [find_keypoints(model, table, image.load(sample.image), sample.box)[0] for sample in samples]
    )
