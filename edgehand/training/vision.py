"""torchvision, imported in one place.

torchvision's compiled part may be missing or built for another torch (there is no CPU build of every release on
the package index); its Python part - networks and transforms, all that edgehand uses - works without it once the
schemas of its two operators are declared.
"""

import torch

try:
    import torchvision  # noqa: F401
except RuntimeError as error:
    if "torchvision::nms does not exist" not in str(error):
        raise
    # Kept alive for as long as the process: the declarations go with the object.
    _schemas = torch.library.Library("torchvision", "FRAGMENT")  # type: ignore[no-untyped-call]
    for _name in ("nms", "qnms"):
        _schemas.define(  # type: ignore[no-untyped-call]
            f"{_name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
        )

from torchvision.models import mobilenet_v2
from torchvision.models.mobilenetv2 import InvertedResidual
from torchvision.transforms import v2 as transforms

__all__ = ["InvertedResidual", "mobilenet_v2", "transforms"]
