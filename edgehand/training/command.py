"""`edgehand train`."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING

from edgehand.errors import MAX_THREADS, InputError, check_range
from edgehand.models import checkpoint_file

if TYPE_CHECKING:
    from edgehand.datasets import Sample
    from edgehand.training.mixture import Mixture
    from edgehand.training.recipes import Recipe
    from edgehand.training.rendered import Rendered

SYNTH = "synth:"
"""Before the folder of assets that hands are drawn from."""
HANDLESS = "handless:"
"""Before a folder of pictures without hands."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `edgehand train`."""
    parser.add_argument(
        "--data", action="append", required=True, metavar="FORMAT:PATH[@SHARE]",
        help="labelled pictures, e.g. coco:photos/annotations.json; may be given several times, then each "
        "with its share of the training, e.g. coco:photos@0.4 synth:assets@0.6; synth:ASSETS draws hands while "
        "training (edgehand synth --help says what from); handless:DIR takes pictures without hands, by which "
        "scores learn to tell a hand from none",
    )  # fmt: skip
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="DIR", help="folder of the run")
    parser.add_argument(
        "--recipe", default="lite",
        help="lite, lite_depthwise, tiny, pose_mobilenet_v2, or onehand10k, panoptic, rhd as published "
        "(default: %(default)s)",
    )  # fmt: skip
    parser.add_argument(
        "--input-size", type=int, metavar="PIXELS",
        help="side of the crop, a multiple of 32; a smaller one is faster and less accurate (default: the recipe's)",
    )  # fmt: skip
    parser.add_argument("--epochs", type=int, help="passes over the data (default: the recipe's)")
    parser.add_argument(
        "--batch-size", type=int, metavar="PICTURES",
        help="pictures a step; a GPU is busier with more, e.g. 512 (default: the recipe's)",
    )  # fmt: skip
    parser.add_argument(
        "--learning-rate", type=float, metavar="RATE",
        help="at the top of the schedule, e.g. a tenth of the recipe's to fine-tune (default: the recipe's)",
    )  # fmt: skip
    watch = parser.add_mutually_exclusive_group()
    watch.add_argument(
        "--validation", action="append", metavar="FORMAT:PATH",
        help="labelled pictures to watch progress by; may be given several times",
    )  # fmt: skip
    watch.add_argument(
        "--holdout", type=float, default=0.1, metavar="FRACTION",
        help="without --validation: the part of --data to hold out for it (default: %(default)s)",
    )  # fmt: skip
    start = parser.add_mutually_exclusive_group()
    start.add_argument(
        "--init", type=checkpoint_file, metavar="NAME|FILE",
        help="start from a model that ships (lite, lite_depthwise, tiny) or from a checkpoint, to fine-tune it",
    )  # fmt: skip
    start.add_argument(
        "--backbone", type=checkpoint_file, metavar="NAME|FILE",
        help="start the backbone alone: MobileNetV2 from ImageNet weights of torchvision or MMPose (.pth) or folded "
        "(.npz), or the blocks that are alike in a model that ships or a checkpoint (.safetensors)",
    )  # fmt: skip
    parser.add_argument(
        "--teacher", type=checkpoint_file, metavar="NAME|FILE",
        help="learn from this network's heatmaps, and features where both have a pyramid, as well as from "
        "the labels",
    )  # fmt: skip
    parser.add_argument(
        "--hints", type=Path, metavar="FILE",
        help="learn the features of MediaPipe's network as well, hand_landmark_full.tflite of the package mediapipe",
    )  # fmt: skip
    parser.add_argument(
        "--qat", action="store_true",
        help="quantization-aware: fine-tune --init while it computes as its INT8 export will, at a tenth of the "
        "recipe's learning rate and in float32; the checkpoint is exported as any other",
    )  # fmt: skip
    parser.add_argument(
        "--float32", action="store_true",
        help="compute in float32 where the recipe says bfloat16: more exact, and faster on some CPUs",
    )  # fmt: skip
    parser.add_argument("--device", help="cpu, cuda, cuda:1 ... (default: cuda where there is one)")
    parser.add_argument("--threads", type=int, help="CPU threads of the network (default: one a core)")
    parser.add_argument("--workers", type=int, default=1, help="processes for crops (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of all randomness (default: %(default)s)")


def run(args: argparse.Namespace) -> None:
    """Train, or go on with the run that is in the folder."""
    from edgehand.training.run import train

    recipe = _recipe(args)
    data = _data(args, recipe)
    with _memory_told(recipe.batch_size, args.workers):
        train(
            data.samples,
            data.validation,
            recipe,
            args.output,
            rendered=data.rendered,
            mixture=data.mixture,
            init=args.init,
            backbone=args.backbone,
            teacher=args.teacher,
            hints=args.hints,
            qat=args.qat,
            device=args.device,
            threads=args.threads,
            workers=args.workers,
            seed=args.seed,
        )


@contextmanager
def _memory_told(batch_size: int, workers: int) -> Iterator[None]:
    """Says in a sentence that there was not enough memory, where PyTorch has several ways to say it.

    Raises:
        InputError: there was not enough.
    """
    from torch import OutOfMemoryError

    try:
        yield
    except (MemoryError, RuntimeError) as error:
        said = str(error).strip().split("\n")[0]
        if isinstance(error, OutOfMemoryError | MemoryError) or "can't allocate memory" in said:
            raise InputError(
                f"not enough memory for steps of {batch_size} pictures ({said}); give a smaller --batch-size"
            ) from error
        if "DataLoader worker" in said:
            raise InputError(
                f"one of {workers} processes that prepare crops has died ({said}); run it again, with fewer --workers, "
                "and it goes on"
            ) from error
        raise


def _recipe(args: argparse.Namespace) -> Recipe:
    """The recipe that is asked for, changed as the options say."""
    from edgehand.training.networks import MULTIPLE
    from edgehand.training.recipes import RECIPES, quantization_aware, with_batch_size

    if args.recipe not in RECIPES:
        raise InputError(f"--recipe {args.recipe!r}: expected one of {', '.join(RECIPES)}")
    check_range("--epochs", args.epochs, 1)
    check_range("--threads", args.threads, 1, MAX_THREADS)
    check_range("--workers", args.workers, 0)
    check_range("--seed", args.seed, 0, 2**63 - 1)
    recipe = RECIPES[args.recipe]
    if args.qat:
        if not args.init:
            raise InputError("--qat: fine-tunes a trained network; give it as --init NAME|FILE")
        if args.hints:
            raise InputError("--hints: --qat learns from heatmaps alone; leave one of them out")
        recipe = quantization_aware(recipe)
    if args.learning_rate is not None:
        if not (isfinite(args.learning_rate) and args.learning_rate > 0):
            raise InputError(f"--learning-rate {args.learning_rate}: expected a positive number")
        recipe = replace(recipe, learning_rate=args.learning_rate)
    if args.epochs is not None:
        recipe = replace(recipe, epochs=args.epochs)
    if args.input_size is not None:
        if args.input_size % MULTIPLE or not MULTIPLE <= args.input_size <= 4096:
            raise InputError(
                f"--input-size {args.input_size}: expected a multiple of {MULTIPLE}, from {MULTIPLE} to 4096"
            )
        recipe = replace(recipe, input_size=args.input_size)
    if args.batch_size is not None:
        recipe = with_batch_size(recipe, args.batch_size)
    return replace(recipe, bfloat16=False) if args.float32 else recipe


@dataclass(frozen=True, eq=False)
class _Data:
    """What to train on and what to watch."""

    samples: list[Sample]
    validation: list[Sample]
    rendered: Rendered | None
    mixture: Mixture


def _data(args: argparse.Namespace, recipe: Recipe) -> _Data:
    """All sources, one after the other; those that are drawn while training come last."""
    from edgehand import datasets
    from edgehand.training.mixture import mixture, read_share
    from edgehand.training.rendered import AN_EPOCH, Rendered

    if not 0 <= args.holdout < 1:
        raise InputError(f"--holdout {args.holdout}: expected a fraction from 0 up to, not including, 1")
    sources = [read_share(source) for source in args.data]
    sources.sort(key=lambda source: source[0].startswith(SYNTH))
    assets = [_folder(source, SYNTH) for source, _ in sources if source.startswith(SYNTH)]
    if len(assets) > 1:
        raise InputError(
            f"--data: {len(assets)} sources {SYNTH}ASSETS; give one, with all assets in its folder"
        )
    files = [source for source, _ in sources if not source.startswith(SYNTH)]
    if recipe.loss != "spatial cross-entropy" and any(source.startswith(HANDLESS) for source in files):
        raise InputError(
            f"--data {HANDLESS}DIR: nothing can be learnt from it by {recipe.loss}, which recipe {args.recipe} has; "
            "leave it out"
        )
    parts = [divided(source, 0 if args.validation else args.holdout) for source in files]
    loaded = [kept for kept, _ in parts]
    if args.validation:
        validation = [sample for source in args.validation for sample in datasets.load(source, "test")]
    else:
        validation = [sample for _, held_out in parts for sample in held_out]
    sizes = [len(samples) for samples in loaded] + [AN_EPOCH for _ in assets]
    return _Data(
        samples=[sample for samples in loaded for sample in samples],
        validation=validation,
        rendered=Rendered(assets[0], args.seed) if assets else None,
        mixture=mixture([source for source, _ in sources], sizes, [share for _, share in sources]),
    )


def divided(source: str, holdout: float) -> tuple[list[Sample], list[Sample]]:
    """What a source of `--data` that lies on disk trains on, and what of it is held out.

    Args:
        source: FORMAT:PATH, or handless:DIR.
        holdout: fraction of the pictures to hold out; none of those without a hand, in which no keypoint can be judged.
    Returns:
        labelled hands, or windows without one, see `edgehand.training.handless`; and those held out.
    Raises:
        InputError: no folder is named.
        DataError: no such data, or not of this format.
        ImageError: a picture without hands cannot be read.
    """
    from edgehand import datasets
    from edgehand.training import handless

    if source.startswith(HANDLESS):
        return handless.windows(_folder(source, HANDLESS)), []
    return datasets.split(datasets.load(source, "train"), holdout)


def _folder(source: str, prefix: str) -> Path:
    name = source.removeprefix(prefix)
    # An empty one would be the folder that the command runs in.
    if not name:
        raise InputError(f"--data {source!r}: names no folder; give it after the colon")
    return Path(name)
