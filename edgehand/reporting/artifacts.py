"""What a report compares: model files that were given, or those made of a checkpoint."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tqdm import tqdm

from edgehand import models
from edgehand.errors import EdgehandError, InputError
from edgehand.evaluation.model import open_either
from edgehand.runtime.artifact import Metadata, Model, open_model

PYTORCH = "pytorch"


@dataclass(frozen=True)
class Artifact:
    """One row of the report."""

    name: str
    """Engine and precision, unique in the report."""
    path: Path
    """Model file, or the checkpoint that PyTorch runs."""
    engine: str
    precision: str
    size: int
    """Bytes, of all files that belong to it."""
    metadata: Metadata

    @property
    def sha256(self) -> str:
        """Of the file; an OpenVINO file holds the hash of its weights."""
        return hashlib.sha256(self.path.read_bytes()).hexdigest()

    @property
    def recipe(self) -> dict[str, Any]:
        """How the file says it was made."""
        return self.metadata.recipe

    def open(self, threads: int) -> Model:
        """Ready to run."""
        return (
            open_either(None, self.path, threads)
            if self.engine == PYTORCH
            else open_model(self.path, threads=threads)
        )


@dataclass(frozen=True)
class NotOffered:
    """A precision that an engine does not have."""

    engine: str
    precision: str
    reason: str


def from_files(paths: list[Path]) -> tuple[list[Artifact], list[NotOffered]]:
    """Artifacts that exist; the reference first: the first float32 one, else the first.

    Args:
        paths: that `edgehand export` wrote, of networks that take the same crops.
    Raises:
        ModelFileError: one cannot be used.
        InputError: two take other crops, or are the same file.
    """
    found = [_of_file(path) for path in paths]
    for other in found[1:]:
        if other.metadata.spec != found[0].metadata.spec:
            raise InputError(
                f"{other.path}: its network takes other crops than that of {found[0].path}; report them separately"
            )
    if len({artifact.path.resolve() for artifact in found}) < len(found):
        raise InputError("--model names a file twice; name each once")
    if not _differ(artifact.name for artifact in found):
        files = [artifact.path.name for artifact in found]
        told = files if _differ(files) else [str(artifact.path) for artifact in found]
        found = [
            replace(artifact, name=f"{artifact.name} ({file})")
            for artifact, file in zip(found, told, strict=True)
        ]
    return sorted(found, key=lambda artifact: artifact.precision != "fp32"), []


def from_checkpoint(
    checkpoint: Path,
    targets: list[str] | None,
    precisions: list[str] | None,
    folder: Path,
) -> tuple[list[Artifact], list[NotOffered]]:
    """PyTorch's own float network, which is the reference, and a model file a target and precision.

    Args:
        checkpoint: edgehand's or MMPose's.
        targets: names of formats; None takes all.
        precisions: see `edgehand.export.pipeline.PRECISIONS`; None takes all.
        folder: where model files are looked for, and written if they are missing.
    Returns:
        what there is, and what the engines do not offer.
    Raises:
        InputError: unknown target or precision, or PyTorch is missing.
        CheckpointError, ExportError, OutputError: as `export`.
    """
    try:
        from edgehand.export.pipeline import PRECISIONS, export, producers
        from edgehand.export.quiet import quiet
        from edgehand.export.targets import names, target

        targets = names() if targets is None else targets
        precisions = list(PRECISIONS) if precisions is None else precisions
        _check_names("target", targets, names())
        _check_names("precision", precisions, PRECISIONS)
        opened = open_either(None, checkpoint, 1)
        with quiet("loading what makes model files"):
            makers = {name: target(name) for name in targets}
    except ModuleNotFoundError as error:
        raise InputError(
            f"a report from a checkpoint needs the package {error.name}: pip install 'edgehand[all]', "
            "or give --model FILE"
        ) from None
    size = checkpoint.stat().st_size
    found = [Artifact(f"{PYTORCH} fp32", checkpoint, PYTORCH, "fp32", size, opened.metadata)]
    missing = []
    digest = hashlib.sha256(checkpoint.read_bytes()).hexdigest()
    bar = tqdm(
        [(name, precision) for name in dict.fromkeys(targets) for precision in dict.fromkeys(precisions)],
        desc="models",
        unit="model",
    )
    for name, precision in bar:
        maker = makers[name]
        if precision in maker.NOT_OFFERED:
            missing.append(NotOffered(name, precision, maker.NOT_OFFERED[precision]))
            continue
        file = f"{opened.metadata.spec.name}-{precision}{maker.SUFFIX}"
        made = _made_already([folder / file, models.FOLDER / file], digest, precision, producers(maker))
        if made is None:
            bar.set_postfix_str(f"exporting {name} {precision}")
            made = _of_file(export(checkpoint, name, folder, precision=precision).file)
        found.append(made)
    if len(found) == 1:
        raise InputError(
            f"no model of {', '.join(targets)} in {', '.join(precisions)} is offered; ask for another target or "
            "precision"
        )
    return found, missing


def _check_names(kind: str, wanted: Iterable[str], known: Iterable[str]) -> None:
    for name in wanted:
        if name not in known:
            raise InputError(f"{kind} {name!r}: expected one of {', '.join(known)}")


def _differ(names: Iterable[str]) -> bool:
    listed = list(names)
    return len(set(listed)) == len(listed)


def _of_file(path: Path) -> Artifact:
    model = open_model(path, threads=1)
    precision = str(model.metadata.recipe.get("precision", "unknown"))
    size = sum(part.stat().st_size for part in model.backend.files)
    return Artifact(f"{model.engine} {precision}", path, model.engine, precision, size, model.metadata)


def _made_already(
    paths: list[Path], checkpoint_sha256: str, precision: str, producers: dict[str, str]
) -> Artifact | None:
    """The first of some files that is sound and made of this checkpoint, by these packages or by edgehand's makers."""
    for path in paths:
        try:
            found = _of_file(path)
        except EdgehandError:
            continue
        current = found.metadata.producers == producers or path.parent == models.FOLDER
        if found.metadata.checkpoint_sha256 == checkpoint_sha256 and found.precision == precision and current:
            return found
    return None
