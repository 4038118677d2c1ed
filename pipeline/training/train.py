"""Trains a recogniser: ``python -m pipeline.training.train --lines DIR ... --out RUN``.

PP-OCRv6 small is fine-tuned; with ``--own`` a network of our own starts from nothing.

Two CPU cores: ``torchrun --nproc-per-node 2 -m pipeline.training.train ...`` (one thread a
process, gradients averaged). One GPU: a single process with ``--device cuda --workers 8
--columns 60000``.

The run is the same for the same seed, data and ``--steps``; ``--minutes`` plans the learning rate
by the clock instead, for a fixed budget on a busy machine. RUN holds ``checkpoint.pt`` (from which
the same command goes on), ``curve.jsonl`` and, at the end, ``handwriting.onnx``.
"""

import argparse
import copy
import json
import math
import os
import random
import sys
import time
from collections import deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
import torch.distributed as dist
from rapidfuzz.distance import Levenshtein
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import DataLoader

from pipeline.ocr.symbols import SYMBOLS
from pipeline.training import own
from pipeline.training.data import (
    Batch,
    Batches,
    LineImage,
    plain_batches,
    read_lines,
    rounds,
    trainable,
)
from pipeline.training.own import OwnRecogniser
from pipeline.training.recogniser import Recogniser, pretrained, write_onnx

ROUND = 1024
"""Lines drawn at a time; a checkpoint is written after each round."""


@dataclass
class Position:
    """Where a run stands: rounds and steps done, lines seen, seconds spent."""

    round: int = 0
    step: int = 0
    seen: int = 0
    seconds: float = 0.0


def arguments(argv: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Fine-tune the handwriting recogniser.")
    parser.add_argument(
        "--lines", type=Path, nargs="+", required=True, help="folders with lines.tsv to learn from"
    )
    parser.add_argument(
        "--dev", type=Path, help="folder with lines.tsv, a quarter of which is watched"
    )
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument(
        "--weights", type=Path, help="weights (ONNX) to go on from, instead of the published ones"
    )
    parser.add_argument(
        "--own", action="store_true", help="train the network that is wholly ours, from nothing"
    )
    parser.add_argument("--steps", type=int, default=9000, help="length of the schedule")
    parser.add_argument(
        "--minutes", type=float, help="length of the schedule by the clock, instead of --steps"
    )
    parser.add_argument("--rate", type=float, default=6e-4)
    parser.add_argument("--columns", type=int, default=13_000, help="input columns in a batch")
    parser.add_argument("--synthetic", type=float, default=0.2, help="share of synthetic lines")
    parser.add_argument(
        "--settle",
        type=float,
        default=0.45,
        help="part of the schedule after which the first layers stay as they are",
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--device", default="cpu")
    parser.add_argument(
        "--workers", type=int, default=0, help="augmentation processes; 0 for a thread"
    )
    parser.add_argument("--watch", type=float, default=10, help="minutes between looks at --dev")
    return parser.parse_args(argv)


def learning_rate(top: float, step: int, progress: float) -> float:
    """A short warm-up, a plateau for a fifth of the run, then a cosine to almost nothing."""
    fall = 0.5 * (1 + math.cos(math.pi * max(0.0, progress - 0.2) / 0.8))
    return top * min(1.0, (step + 1) / 100) * (0.01 + 0.99 * fall)


def ctc_loss(logits: Tensor, batch: Batch) -> Tensor:
    """CTC loss a line, summed over its symbols: logits are (batch, time, classes)."""
    _, steps, targets, lengths = batch
    scores = logits.float().log_softmax(-1).transpose(0, 1)
    steps = steps.clamp(max=scores.shape[0])
    return functional.ctc_loss(scores, targets, steps, lengths, reduction="sum", zero_infinity=True)


def greedy_text(best: np.ndarray) -> str:
    """The text of the best class at each time step."""
    kept = best[np.flatnonzero(np.diff(best, prepend=-1))]
    return "".join(SYMBOLS[k - 1] for k in kept if k).strip()


def error_rates(net: nn.Module, lines: list[LineImage], device: str) -> dict[str, float]:
    """Greedy character error rates (and case-insensitive, `_ci`) and word error rate by source."""
    net.eval()
    sums: dict[str, list[int]] = {}
    for group, (images, steps, _, _) in plain_batches(lines):
        with torch.inference_mode(), torch.autocast(device, dtype=torch.bfloat16):
            best = net(images.to(device)).argmax(-1).cpu().numpy()
        for line, row, length in zip(group, best, steps.tolist(), strict=True):
            read, truth = greedy_text(row[:length]), line.text
            counts = sums.setdefault(line.source, [0] * 5)
            counts[0] += Levenshtein.distance(truth, read)
            counts[1] += Levenshtein.distance(truth.lower(), read.lower())
            counts[2] += len(truth)
            counts[3] += Levenshtein.distance(truth.split(), read.split())
            counts[4] += len(truth.split())
    rates: dict[str, float] = {}
    for source, (errors, folded, size, wrong, words) in sorted(sums.items()):
        rates |= {
            f"{source} cer": errors / size,
            f"{source} cer_ci": folded / size,
            f"{source} wer": wrong / words,
        }
    return rates


def averaged(net: nn.Module, world: int) -> None:
    """Replaces each process's gradients by their mean."""
    gradients = [p.grad for p in net.parameters() if p.grad is not None]
    flat = torch.cat([gradient.reshape(-1) for gradient in gradients])
    dist.all_reduce(flat)
    flat /= world
    for gradient, part in zip(gradients, flat.split([g.numel() for g in gradients]), strict=True):
        gradient.copy_(part.view_as(gradient))


def batches_of(
    lines: list[LineImage], drawn: list[list[int]], number: int, options: argparse.Namespace
) -> Iterator[Batch]:
    """This process's part of each batch of a round."""
    rank, world = int(os.environ.get("RANK", 0)), int(os.environ.get("WORLD_SIZE", 1))
    mine = Batches(
        lines, [batch[rank::world] for batch in drawn if len(batch) >= world], options.seed, number
    )
    if options.workers:
        yield from DataLoader(mine, batch_size=None, num_workers=options.workers, prefetch_factor=4)
        return
    # A thread costs less than forking a process that holds all lines.
    with ThreadPoolExecutor(1) as pool:
        waiting = deque(pool.submit(mine.__getitem__, place) for place in range(min(4, len(mine))))
        for place in range(len(mine)):
            if place + 4 < len(mine):
                waiting.append(pool.submit(mine.__getitem__, place + 4))
            yield waiting.popleft().result()


def train(options: argparse.Namespace) -> None:
    """Runs or continues a training run; see the module's docstring."""
    rank, world = int(os.environ.get("RANK", 0)), int(os.environ.get("WORLD_SIZE", 1))
    if options.device == "cpu":
        torch.set_num_threads(1)
    if world > 1:
        dist.init_process_group("gloo")
    torch.manual_seed(options.seed)
    random.seed(options.seed)
    options.out.mkdir(parents=True, exist_ok=True)
    lines = [line for folder in options.lines for line in read_lines(folder) if trainable(line)]
    watched = (
        [line for line in read_lines(options.dev) if not line.flags][::4] if options.dev else []
    )

    net: Recogniser | OwnRecogniser = (
        OwnRecogniser() if options.own else pretrained(options.weights)
    )
    net = net.to(options.device, memory_format=torch.channels_last)
    smooth = copy.deepcopy(net).requires_grad_(False)
    matrices = [p for p in net.parameters() if p.ndim > 1]
    others = [p for p in net.parameters() if p.ndim <= 1]
    optimiser = torch.optim.AdamW(
        [{"params": matrices, "weight_decay": 0.01}, {"params": others, "weight_decay": 0.0}],
        lr=options.rate, betas=(0.9, 0.98),
    )  # fmt: skip
    position = Position()
    checkpoint = options.out / "checkpoint.pt"
    if checkpoint.exists():
        state = torch.load(checkpoint, map_location=options.device, weights_only=True)
        net.load_state_dict(state["net"])
        smooth.load_state_dict(state["smooth"])
        optimiser.load_state_dict(state["optimiser"])
        position = Position(**state["position"])
    torch.manual_seed(options.seed + 1000 * position.round + rank)
    started = time.monotonic() - position.seconds

    def progress() -> float:
        if options.minutes is None:
            return position.step / options.steps
        share = torch.tensor((time.monotonic() - started) / 60 / options.minutes)
        if world > 1:
            dist.broadcast(share, 0)
        return float(share.item())

    def note(**entry: object) -> None:
        if rank == 0:
            line = json.dumps(
                asdict(position) | {"seconds": round(time.monotonic() - started)} | entry
            )
            with (options.out / "curve.jsonl").open("a") as curve:
                curve.write(line + "\n")
            sys.stdout.write(line + "\n")
            sys.stdout.flush()

    def save() -> None:
        if rank == 0:
            position.seconds = time.monotonic() - started
            state = {
                "net": net.state_dict(),
                "smooth": smooth.state_dict(),
                "optimiser": optimiser.state_dict(),
            }
            torch.save(
                state | {"position": asdict(position), "symbols": SYMBOLS},
                checkpoint.with_suffix(".new"),
            )
            checkpoint.with_suffix(".new").replace(checkpoint)

    note(
        lines=len(lines),
        watched=len(watched),
        options=vars(options) | {"lines": None, "dev": None, "out": None, "weights": None},
    )
    if position.step == 0 and rank == 0 and watched:
        note(**error_rates(smooth, watched, options.device))
    looked = time.monotonic()
    while (done := progress()) < 1:
        drawn = rounds(
            lines, options.seed, position.round, done, options.synthetic, ROUND, options.columns
        )
        losses: list[float] = []
        symbols = 0
        for batch in batches_of(lines, drawn, position.round, options):
            if (done := progress()) >= 1:
                break
            for group in optimiser.param_groups:
                group["lr"] = learning_rate(options.rate, position.step, done)
            if done >= options.settle:
                for part in net.early():
                    part.requires_grad_(False)
                    for parameter in part.parameters():
                        parameter.grad = None
            images, *rest = batch
            net.train()
            with torch.autocast(options.device, dtype=torch.bfloat16):
                logits = net(images.to(options.device, non_blocking=True))
            loss = ctc_loss(logits, (images, *(part.to(options.device) for part in rest)))
            optimiser.zero_grad()
            (loss / images.shape[0] / 30).backward()
            if world > 1:
                averaged(net, world)
            nn.utils.clip_grad_norm_(net.parameters(), 2.0)
            optimiser.step()
            position.step += 1
            position.seen += images.shape[0] * world
            losses.append(float(loss.detach()))
            symbols += int(rest[2].sum())
            with torch.no_grad():
                kept = min(0.9965, position.step / (position.step + 100))
                for slow, fast in zip(smooth.parameters(), net.parameters(), strict=True):
                    slow.lerp_(fast, 1 - kept)
                for slow, fast in zip(smooth.buffers(), net.buffers(), strict=True):
                    slow.copy_(fast)
        position.round += 1
        note(
            loss=round(sum(losses) / max(symbols, 1), 4),
            progress=round(done, 4),
            rate=optimiser.param_groups[0]["lr"],
        )
        save()
        if watched and rank == 0 and time.monotonic() - looked > 60 * options.watch:
            note(**error_rates(smooth, watched, options.device))
            looked = time.monotonic()
    if rank == 0:
        save()
        note(**(error_rates(smooth, watched, options.device) if watched else {}))
        smooth = smooth.cpu().eval()
        target = options.out / "handwriting.onnx"
        if isinstance(smooth, OwnRecogniser):
            own.write_onnx(smooth, target)
        else:
            write_onnx(smooth, target)
    if world > 1:
        dist.barrier()
        dist.destroy_process_group()


if __name__ == "__main__":
    train(arguments())
