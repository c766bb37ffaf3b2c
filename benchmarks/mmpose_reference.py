"""What MMPose itself makes of given inputs: run by a Python that has mmpose 0.29 or 1.3, writes an .npz.

    PYTHON_WITH_MMPOSE benchmarks/mmpose_reference.py SEED OUT.npz

mmpose is installed with `pip install --no-deps`; beside it are needed torch, OpenCV, SciPy, mmcv (1.x: mmcv-lite
and mmengine), addict, yapf, json_tricks, munkres, six. What else it would import is left out, see `_Absent`.
tests/test_mmpose_parity.py compares edgehand with the recorded outputs (seed 0) in tests/golden, and, where the
environment variable EDGEHAND_MMPOSE names such Pythons, with fresh ones.
"""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import sys
import types
from pathlib import Path
from typing import Any

import numpy as np

SIZE = 256
PADDINGS = (1.25, 1.76)


def inputs(seed: int) -> dict[str, np.ndarray]:
    """Everything that is given to both; needs numpy alone."""
    rng = np.random.default_rng(seed)
    given: dict[str, np.ndarray] = {"seed": np.array(seed)}
    given["images"] = rng.uniform(-2, 2.5, (2, 3, SIZE, SIZE)).astype(np.float32)
    # Heatmaps: a bump each, also at and beyond the borders, some noise; some without any positive value.
    heatmaps = rng.normal(0, 0.01, (2, 8, 21, 64, 64))
    centres = rng.uniform(-3, 67, (8, 21, 2))
    grid = np.arange(64)
    for flipped in range(2):
        wanted = centres + rng.normal(0, 0.7, centres.shape)
        if flipped:
            wanted[..., 0] = 62 - wanted[..., 0]
        across = np.exp(-((grid - wanted[..., :1]) ** 2) / 8)
        down = np.exp(-((grid - wanted[..., 1:]) ** 2) / 8)
        heatmaps[flipped] += rng.uniform(0.2, 1, (8, 21, 1, 1)) * down[..., :, None] * across[..., None, :]
    heatmaps[:, 0, :3] = -np.abs(heatmaps[:, 0, :3]) - 0.01
    given["heatmaps"], given["flipped"] = heatmaps.astype(np.float32)
    given["boxes"] = np.round(
        np.column_stack([rng.uniform(-20, 150, 8), rng.uniform(-20, 120, 8), rng.uniform(20, 160, (8, 2))]), 2
    )
    # A picture without edges sharper than those that cameras give.
    coarse = rng.uniform(0, 255, (16, 21, 3))
    given["picture"] = _upsample(coarse, 12).astype(np.uint8)
    given["rotations"] = np.array([0, 0, 0, 0, 20, -75, 140, 180], np.float64)
    given["true"] = rng.uniform(0, 200, (40, 21, 2)).astype(np.float32)
    given["predicted"] = given["true"] + rng.normal(0, 14, (40, 21, 2)) * rng.uniform(0, 2, (40, 1, 1))
    given["visible"] = rng.random((40, 21)) < 0.8
    given["visible"][:, 5] = False
    given["metric_boxes"] = np.column_stack([rng.uniform(-30, 100, (40, 2)), rng.uniform(30, 250, (40, 2))])
    given["head_sizes"] = rng.uniform(15, 60, 40)
    given["picture_size"] = np.array([200, 180])
    given["target_keypoints"] = rng.uniform(-60, 320, (4, 21, 2)).astype(np.float32)
    given["target_visible"] = (rng.random((4, 21)) < 0.8).astype(np.float32)
    return given


def _upsample(coarse: np.ndarray, factor: int) -> np.ndarray:
    for axis in (0, 1):
        positions = np.linspace(0, coarse.shape[axis] - 1, coarse.shape[axis] * factor)
        low = np.floor(positions).astype(int).clip(max=coarse.shape[axis] - 2)
        part = (positions - low).reshape(-1, 1, 1) if axis == 0 else (positions - low).reshape(1, -1, 1)
        coarse = np.take(coarse, low, axis) * (1 - part) + np.take(coarse, low + 1, axis) * part
    return coarse


def weights(shapes: dict[str, tuple[int, ...]], seed: int) -> dict[str, np.ndarray]:
    """Random weights by MMPose's 1.x names: such that signals neither die nor grow on their way."""
    rng = np.random.default_rng((seed, 1))
    state = {}
    for name, shape in sorted(shapes.items()):
        if name.endswith("num_batches_tracked"):
            state[name] = np.array(7)
        elif name.endswith("running_var"):
            state[name] = rng.uniform(0.5, 1.5, shape)
        elif len(shape) < 2:
            state[name] = (
                rng.uniform(0.6, 1.4, shape) if name.endswith("weight") else rng.normal(0, 0.1, shape)
            )
        else:
            fan_in = np.prod(shape[1:]) if "deconv" not in name else shape[0] * 4
            state[name] = rng.standard_normal(shape) * (2 / fan_in) ** 0.5
    return {
        name: np.asarray(value, np.int64 if "tracked" in name else np.float32)
        for name, value in state.items()
    }


def _anything(name: str) -> type:
    if name.startswith("__"):
        raise AttributeError(name)
    return type(name, (), {})


class _Absent(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Packages that MMPose imports and this comparison never calls."""

    NAMES = ("xtcocotools", "chumpy", "mmdet", "mmcv.ops", "matplotlib", "mpl_toolkits")

    def find_spec(self, name: str, path: Any, target: Any = None) -> Any:  # noqa: ARG002
        if any(name == absent or name.startswith(f"{absent}.") for absent in self.NAMES):
            return importlib.machinery.ModuleSpec(name, self, is_package=True)
        return None

    def create_module(self, spec: Any) -> types.ModuleType:
        module = types.ModuleType(spec.name)
        module.__getattr__ = _anything  # type: ignore[method-assign]
        return module

    def exec_module(self, module: types.ModuleType) -> None: ...


def _prepare() -> Any:
    """Import mmpose where not all that it wants is installed."""
    import torch

    try:
        import torchvision  # noqa: F401
    except RuntimeError:
        schemas = torch.library.Library("torchvision", "FRAGMENT")
        for name in ("nms", "qnms"):
            schemas.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        torch._edgehand_schemas = schemas  # type: ignore[attr-defined]
    sys.meta_path.insert(0, _Absent())
    import mmcv

    if mmcv.__version__.startswith("1."):
        mmcv.__version__ = "1.7.0"  # 0.29 refuses the later bug-fix releases
    import mmpose

    return mmpose


def _network(head: Any, given: dict[str, np.ndarray]) -> np.ndarray:
    import torch
    from mmpose.models.backbones import MobileNetV2

    network = torch.nn.Module()
    network.backbone, network.head = MobileNetV2(widen_factor=1.0, out_indices=(7,)), head
    shapes = {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}
    state = weights(shapes, int(given["seed"]))
    network.load_state_dict({name: torch.from_numpy(value) for name, value in state.items()})
    network.eval()
    with torch.no_grad():
        # In double: rounding in single differs by 1e-3 of the range between numbers of threads.
        network = network.double()
        features = network.backbone(torch.from_numpy(given["images"]).double())
        found: np.ndarray = network.head(features if isinstance(features, tuple) else (features,)).numpy()
    return found


def reference_0x(given: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Outputs of MMPose 0.29."""
    import torch
    from mmcv.runner.hooks.lr_updater import StepLrUpdaterHook
    from mmpose.core.evaluation import top_down_eval
    from mmpose.core.post_processing import flip_back
    from mmpose.datasets.pipelines import top_down_transform
    from mmpose.models.heads import TopdownHeatmapSimpleHead
    from mmpose.models.losses import JointsMSELoss

    made: dict[str, np.ndarray] = {}

    class Head(TopdownHeatmapSimpleHead):
        def forward(self, features: Any) -> Any:
            return super().forward(features[-1])

    head = Head(1280, 21, loss_keypoint={"type": "JointsMSELoss", "use_target_weight": True})
    made["network"] = _network(head, given)

    info = {"image_size": np.array([SIZE, SIZE]), "heatmap_size": np.array([64, 64]), "num_joints": 21}
    info |= {"joint_weights": None, "use_different_joint_weights": False, "flip_pairs": []}
    crops, points, centres, scales = [], [], [], []
    for index, box in enumerate(given["boxes"]):
        results = {
            "img": given["picture"],
            "bbox": box,
            "ann_info": info,
            "rotation": given["rotations"][index],
        }
        results["joints_3d"] = np.pad(given["target_keypoints"][index % 4], ((0, 0), (0, 1)))
        results["joints_3d_visible"] = np.ones((21, 3), np.float32)
        results = top_down_transform.TopDownGetBboxCenterScale(PADDINGS[index % 2])(results)
        if index >= 6:
            results = top_down_transform.TopDownRandomFlip(flip_prob=1.0)(results)
        results = top_down_transform.TopDownAffine()(results)
        crops.append(results["img"])
        points.append(results["joints_3d"][:, :2])
        centres.append(results["center"])
        scales.append(results["scale"])
    made["crops"], made["crop_keypoints"] = np.stack(crops), np.stack(points)

    back = flip_back(given["flipped"].copy(), [])
    back[..., 1:] = back[..., :-1].copy()
    for kind, maps in (("plain", given["heatmaps"]), ("flip", (given["heatmaps"] + back) / 2)):
        for name, options in {
            "default": {"post_process": "default"},
            "dark": {"post_process": "unbiased", "kernel": 11},
            "udp": {"use_udp": True, "kernel": 11},
        }.items():
            # Decoded as if the boxes had not been mirrored: only their place matters here.
            decoded = top_down_eval.keypoints_from_heatmaps(
                maps.copy(), np.stack(centres), np.stack(scales), **options
            )
            made[f"decode_{name}_{kind}"] = np.concatenate(decoded, axis=2)
    made["centres"], made["scales"] = np.stack(centres), np.stack(scales) * 200

    arguments = given["predicted"], given["true"], given["visible"]
    sides = given["metric_boxes"][:, 2:].max(1)
    made["pck"] = top_down_eval.keypoint_pck_accuracy(*arguments, 0.2, np.column_stack([sides, sides]))[1]
    heads = np.column_stack([given["head_sizes"]] * 2)
    made["pckh"] = top_down_eval.keypoint_pck_accuracy(*arguments, 0.7, heads)[1]
    made["auc"] = top_down_eval.keypoint_auc(*arguments, 30)
    made["epe"] = top_down_eval.keypoint_epe(*arguments)

    targets, kept = [], []
    for keypoints, visible in zip(given["target_keypoints"], given["target_visible"], strict=True):
        results = {"ann_info": info, "joints_3d": np.pad(keypoints, ((0, 0), (0, 1)))}
        results["joints_3d_visible"] = np.tile(visible[:, None], 3)
        results = top_down_transform.TopDownGenerateTarget(sigma=2)(results)
        targets.append(results["target"])
        kept.append(results["target_weight"])
    made["targets"] = np.stack(targets)
    made["target_weights"] = np.stack(kept)[..., 0]
    tensors = (torch.from_numpy(array) for array in (given["heatmaps"][:4], made["targets"], np.stack(kept)))
    made["loss"] = JointsMSELoss(use_target_weight=True)(*tensors).numpy()

    steps = 9
    hook = StepLrUpdaterHook(step=[170, 200], warmup="linear", warmup_iters=500, warmup_ratio=0.001)
    group = {"lr": 5e-4, "initial_lr": 5e-4}
    runner = types.SimpleNamespace(
        optimizer=types.SimpleNamespace(param_groups=[group]), data_loader=range(steps)
    )
    rates = []
    hook.before_run(runner)
    for runner.epoch in range(210):
        hook.before_train_epoch(runner)
        for step in range(steps):
            runner.iter = runner.epoch * steps + step
            hook.before_train_iter(runner)
            rates.append(group["lr"])
    made["rates"] = np.array(rates)
    return made


def reference_1x(given: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Outputs of MMPose 1.3."""
    import torch
    from mmpose.codecs import MSRAHeatmap, UDPHeatmap
    from mmpose.datasets.datasets.base import BaseCocoStyleDataset
    from mmpose.datasets.transforms import GetBBoxCenterScale, TopdownAffine
    from mmpose.evaluation.functional import keypoint_auc, keypoint_epe, keypoint_pck_accuracy
    from mmpose.models.heads import HeatmapHead
    from mmpose.models.losses import KeypointMSELoss
    from mmpose.models.utils.tta import flip_heatmaps

    made: dict[str, np.ndarray] = {}
    sizes = {"input_size": (SIZE, SIZE), "heatmap_size": (64, 64), "sigma": 2}
    loss = {"type": "KeypointMSELoss", "use_target_weight": True}
    made["network"] = _network(
        HeatmapHead(1280, 21, loss=loss, decoder={"type": "MSRAHeatmap", **sizes}), given
    )

    crops, centres, scales = [], [], []
    for index, (x, y, w, h) in enumerate(given["boxes"]):
        results = {"img": given["picture"], "bbox": np.array([[x, y, x + w, y + h]], np.float32)}
        results = GetBBoxCenterScale(padding=PADDINGS[index % 2]).transform(results)
        results["bbox_rotation"] = given["rotations"][index : index + 1]
        results = TopdownAffine(input_size=(SIZE, SIZE)).transform(results)
        crops.append(results["img"])
        centres.append(results["input_center"])
        scales.append(results["input_scale"])
    made["crops"] = np.stack(crops)
    made["centres"], made["scales"] = np.stack(centres), np.stack(scales)

    back = flip_heatmaps(torch.from_numpy(given["flipped"]), list(range(21)), shift_heatmap=True).numpy()
    for kind, maps in (("plain", given["heatmaps"]), ("flip", (given["heatmaps"] + back) * 0.5)):
        for name, codec in {
            "default": MSRAHeatmap(**sizes),
            "dark": MSRAHeatmap(**sizes, unbiased=True),
            "udp": UDPHeatmap(**sizes),
        }.items():
            decoded = []
            for index, one in enumerate(maps):
                keypoints, scores = codec.decode(one)
                keypoints = keypoints / SIZE * scales[index] + centres[index] - 0.5 * scales[index]
                decoded.append(np.concatenate([keypoints[0], scores[0][:, None]], axis=1))
            made[f"decode_{name}_{kind}"] = np.stack(decoded)

    # The boxes are clipped when the annotations are read.
    width, height = given["picture_size"].tolist()
    boxes = []
    for box in given["metric_boxes"]:
        entry = {"bbox": box, "keypoints": [0.0] * 63, "image_id": 1, "id": 1, "category_id": 1}
        picture = {"width": width, "height": height, "img_path": ""}
        parsed = BaseCocoStyleDataset.parse_data_info(None, {"raw_ann_info": entry, "raw_img_info": picture})
        boxes.append(parsed["bbox"][0])
    made["clipped"] = np.stack(boxes)
    arguments = given["predicted"], given["true"], given["visible"]
    sides = (made["clipped"][:, 2:] - made["clipped"][:, :2]).max(1)
    made["pck"] = keypoint_pck_accuracy(*arguments, 0.2, np.column_stack([sides, sides]).astype(np.float64))[
        1
    ]
    made["pckh"] = keypoint_pck_accuracy(*arguments, 0.7, np.column_stack([given["head_sizes"]] * 2))[1]
    made["auc"] = keypoint_auc(*arguments, 30)
    made["epe"] = keypoint_epe(*arguments)

    encoder = MSRAHeatmap(**sizes)
    encoded = [
        encoder.encode(keypoints[None], visible[None])
        for keypoints, visible in zip(given["target_keypoints"], given["target_visible"], strict=True)
    ]
    made["targets"] = np.stack([one["heatmaps"] for one in encoded])
    made["target_weights"] = np.concatenate([one["keypoint_weights"] for one in encoded])
    tensors = (torch.from_numpy(made[name]) for name in ("targets", "target_weights"))
    made["loss"] = KeypointMSELoss(use_target_weight=True)(
        torch.from_numpy(given["heatmaps"][:4]), *tensors
    ).numpy()
    return made


def main() -> None:
    """Write what the mmpose of this Python makes of the inputs of a seed."""
    seed, output = int(sys.argv[1]), Path(sys.argv[2])
    given = inputs(seed)
    mmpose = _prepare()
    made = reference_0x(given) if mmpose.__version__.startswith("0.") else reference_1x(given)
    # Large arrays are recorded in part: every fourth pixel and cell of some of the crops and maps.
    made["network"] = made["network"][..., ::4, ::4]
    made["crops"] = made["crops"][:, ::8, ::8]
    made["targets"] = made["targets"][:1, :, ::2, ::2]
    np.savez_compressed(output, version=np.array(mmpose.__version__), seed=given["seed"], **made)


if __name__ == "__main__":
    main()
