"""Which pictures calibrate."""

from __future__ import annotations

import json
import shutil

import numpy as np

from edgehand import models
from edgehand.export import calibration
from edgehand.runtime.artifact import open_model


def test_published_sets_calibrate_by_their_training_labels_and_measure_by_the_others(
    tmp_path, write_dataset
) -> None:
    """Else a model would be measured on what it was calibrated on."""
    root = write_dataset(tmp_path, "rhd", hands=3)
    test = root / "annotations" / "rhd_test.json"
    train = test.with_name("rhd_train.json")
    shutil.copy(test, train)
    content = json.loads(test.read_text())
    content["annotations"] = content["annotations"][1:]
    test.write_text(json.dumps(content))
    spec = open_model(models.int8_model("tiny")).metadata.spec
    calibrating = calibration.load(f"rhd:{root}", spec)
    measured = calibration.load(f"rhd:{root}", spec, subset="test")
    assert len(calibrating.inputs) == 3
    assert len(measured.inputs) == 2
    assert calibrating.inputs.dtype == np.float32
    np.testing.assert_array_equal(calibrating.inputs[1:], measured.inputs)
