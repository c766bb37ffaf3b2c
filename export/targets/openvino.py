"""OpenVINO: its own converter, NNCF quantizes."""

from __future__ import annotations

import edgehand.runtime.silence_openvino  # noqa: F401 (before what it silences)

# isort: split
import hashlib
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import nncf
import numpy as np
import openvino
import torch
from nncf.quantization.advanced_parameters import AdvancedQuantizationParameters, QuantizationParameters
from nncf.quantization.range_estimator import (
    AggregatorType,
    RangeEstimatorParameters,
    RangeEstimatorParametersSet,
    StatisticsCollectorParameters,
    StatisticsType,
)
from numpy.typing import NDArray
from openvino import opset13 as ops
from torch import nn

from edgehand.export.recipe import Recipe
from edgehand.export.targets import Weights
from edgehand.runtime.artifact import Metadata
from edgehand.runtime.backends import Tensor
from edgehand.runtime.backends.openvino import METADATA
from edgehand.spec import ModelSpec

SUFFIX = ".xml"
DECONVOLUTION = "keep"  # the one engine whose own INT8 deconvolution is the fastest form
PACKAGES = ("torch", "openvino", "nncf")
NOT_OFFERED = {
    "int8-dynamic": "OpenVINO quantizes activations as they come in matrix products alone, not in convolutions"
}
OFFERED: dict[str, tuple[Any, ...]] = {"calibrator": ("min-max", "percentile", "mse")}
_CONVOLUTIONS = ("Convolution", "Deconvolution", "GroupConvolution")
_FLOAT = Tensor("float32", "NCHW")


def convert(graph: nn.Module, spec: ModelSpec, file: Path) -> tuple[Tensor, Tensor]:
    """Write the float model, NCHW."""
    sample = torch.zeros(1, 3, spec.input_size, spec.input_size)
    model = openvino.convert_model(graph, example_input=sample, input=[sample.shape])
    openvino.save_model(model, file, compress_to_fp16=False)
    return _FLOAT, _FLOAT


def quantize(
    source: Path, inputs: NDArray[np.float32], recipe: Recipe, floats: Weights, file: Path
) -> tuple[Tensor, Tensor]:
    """Write the INT8 model, the convolutions in `floats` left as they are."""
    model = openvino.Core().read_model(source)
    crops = [crop[None] for crop in inputs]
    quantized = nncf.quantize(
        model,
        nncf.Dataset(crops),
        subset_size=len(crops),
        preset=nncf.QuantizationPreset.MIXED
        if recipe.symmetric is False
        else nncf.QuantizationPreset.PERFORMANCE,
        ignored_scope=nncf.IgnoredScope(
            names=[
                node.get_friendly_name()
                for node in model.get_ops()
                if _module(node.get_friendly_name()) in floats
            ]
        ),
        advanced_parameters=AdvancedQuantizationParameters(
            disable_bias_correction=not recipe.bias_correction,
            activations_range_estimator_params=_range_estimator(recipe),
            weights_quantization_params=QuantizationParameters(per_channel=recipe.per_channel),
        ),
    )
    taken = given = _FLOAT
    if recipe.io != "float32":
        dtype = recipe.io or "uint8"
        run = openvino.compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
        taken = _integer(inputs, dtype)
        given = _integer(np.concatenate([run(crop)[0] for crop in crops]), dtype)
        quantized = _integer_ends(quantized, taken, given)
    openvino.save_model(quantized, file, compress_to_fp16=False)
    return taken, given


def _range_estimator(recipe: Recipe) -> RangeEstimatorParameters:
    if recipe.calibrator == "percentile":
        # Of each picture; NNCF keeps no values of a picture for when the others are seen.
        cut = (100 - recipe.percentile) / 200
        low, high = (
            StatisticsCollectorParameters(StatisticsType.QUANTILE, aggregator, quantile_outlier_prob=cut)
            for aggregator in (AggregatorType.MIN, AggregatorType.MAX)
        )
        return RangeEstimatorParameters(low, high)
    found: RangeEstimatorParameters = (
        RangeEstimatorParametersSet.HISTOGRAM
        if recipe.calibrator == "mse"
        else RangeEstimatorParametersSet.MINMAX
    )
    return found


def _module(name: str) -> str:
    """Name of the graph's module that a convolution came from."""
    module, _, operation = name.removeprefix("__module.").partition("/")
    return module if operation.endswith(_CONVOLUTIONS) else ""


def shrink(source: Path, precision: str, file: Path) -> tuple[Tensor, Tensor]:  # noqa: ARG001
    """Write the float model with weights of 16-bit floats."""
    openvino.save_model(openvino.Core().read_model(source), file, compress_to_fp16=True)
    return _FLOAT, _FLOAT


def _integer(values: NDArray[np.float32], dtype: str) -> Tensor:
    """The 8-bit tensor that covers the values' range; zero is always among its values."""
    low, high = min(0.0, float(values.min())), max(0.0, float(values.max()))
    scale = (high - low) / 255
    return Tensor(dtype, "NCHW", scale, round(-low / scale) + int(np.iinfo(dtype).min))


def _integer_ends(model: openvino.Model, taken: Tensor, given: Tensor) -> openvino.Model:
    """Put what turns integers into the model's floats, and its floats into integers, into the model itself."""
    dtype = np.dtype(taken.dtype)
    pixels = ops.parameter(model.input(0).shape, dtype.type, name="input")
    centred = ops.subtract(ops.convert(pixels, np.float32), np.float32(taken.zero_point))
    parameter = model.get_parameters()[0]
    parameter.output(0).replace(ops.multiply(centred, np.float32(taken.scale)).output(0))

    heatmaps = model.get_results()[0].input(0).get_source_output()
    levels = ops.add(ops.divide(heatmaps, np.float32(given.scale)), np.float32(given.zero_point))
    limits = np.iinfo(dtype)
    clipped = ops.clamp(ops.round(levels, "half_to_even"), limits.min, limits.max)
    return openvino.Model([ops.convert(clipped, dtype.type)], [pixels], "edgehand")


def float_convolutions(file: Path, floats: Weights) -> list[str]:
    """Convolutions that the CPU plugin, asked for the graph it runs, does not run in integers, other than those in
    `floats`.
    """
    compiled = openvino.compile_model(file, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    found = []
    for node in compiled.get_runtime_model().get_ops():
        facts = {key: value.astype(str) for key, value in node.get_rt_info().items()}
        if facts["layerType"] in _CONVOLUTIONS and facts["runtimePrecision"] not in ("i8", "u8"):
            origins = facts["originalLayersNames"].split(",")
            if not any(_module(origin) in floats for origin in origins):
                found.append(node.get_friendly_name())
    return found


def attach(file: Path, metadata: Metadata) -> list[Path]:
    """Put the metadata into the .xml; it names the .bin and says what must be in it."""
    weights = file.with_suffix(".bin")
    digest = hashlib.sha256(weights.read_bytes()).hexdigest()
    tree = ElementTree.parse(file)
    info = tree.getroot().find("rt_info")
    if info is None:
        info = ElementTree.SubElement(tree.getroot(), "rt_info")
    content = metadata.to_json(weights_file=weights.name, weights_sha256=digest)
    ElementTree.SubElement(info, METADATA, value=content)
    tree.write(file, xml_declaration=True)
    return [file, weights]
