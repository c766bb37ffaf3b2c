"""Training steps of the networks on a GPU: pictures a second, and their share of what the GPU can compute.

    python benchmarks/bench_training_gpu.py --peak 989

A step is forward, spatial cross-entropy, backward and fused AdamW in bfloat16, on crops that are in its memory already.
FLOPs are two a multiplication with its addition, and the backward pass is twice the forward. `--peak` are the TFLOP/s
of dense bfloat16 products that the maker states (989: H100 and H200). That it trains what float32 trains is seen by
the losses.
"""

from __future__ import annotations

import argparse
import time

import torch
from torch.utils.flop_counter import FlopCounterMode

from edgehand.training.loss import spatial_cross_entropy
from edgehand.training.networks import NETWORKS, build

STEPS, WARM_UP = 20, 6


def measure(name: str, batch: int, device: str) -> tuple[float, float]:
    """Seconds a step, and FLOPs a picture of the forward pass."""
    spec = NETWORKS[name][1]
    size = spec.input_size
    network = build(name).to(device, memory_format=torch.channels_last).train()  # type: ignore[call-overload]
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-4, fused=True)
    images = torch.randn(batch, 3, size, size, device=device).contiguous(memory_format=torch.channels_last)
    keypoints = torch.rand(batch, 21, 2, device=device) * spec.heatmap_size
    weights = torch.ones(batch, 21, device=device)

    def loss(*, bfloat16: bool) -> torch.Tensor:
        with torch.autocast(torch.device(device).type, dtype=torch.bfloat16, enabled=bfloat16):
            heatmaps = network(images)
        return spatial_cross_entropy(heatmaps, keypoints, weights, sigma=1.5)

    def step() -> None:
        optimizer.zero_grad(set_to_none=True)
        loss(bfloat16=True).backward()  # type: ignore[no-untyped-call]
        optimizer.step()

    def wait() -> None:
        if device != "cpu":
            torch.cuda.synchronize(device)

    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        network(images[:2])
    with torch.no_grad():
        assert abs(loss(bfloat16=True) - loss(bfloat16=False)) < 0.02
    for _ in range(WARM_UP):
        step()
    wait()
    started = time.perf_counter()
    for _ in range(STEPS):
        step()
    wait()
    return (time.perf_counter() - started) / STEPS, counter.get_total_flops() / 2


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--peak", type=float, required=True, help="TFLOP/s of dense bfloat16")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--batch-size", type=int, nargs="+", default=[256, 512], metavar="PICTURES")
    args = parser.parse_args()
    torch.manual_seed(0)
    torch.backends.cudnn.benchmark = True
    for name in ("lite", "tiny"):
        for batch in args.batch_size:
            seconds, flops = measure(name, batch, args.device)
            rate = batch / seconds
            share = 3 * flops * rate / (args.peak * 1e12)
            step = f"{name:5} {batch:5} a step  {1000 * seconds:7.1f} ms"
            print(f"{step}  {rate:8.0f} pictures/s  {share:.1%} of the peak")


if __name__ == "__main__":
    main()
