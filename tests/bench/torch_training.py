#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""The PyTorch side of compare_training.py: steps of the recipe emoji32 on random pictures, timed; one JSON line.

    python tests/bench/torch_training.py --threads 2 --steps 30

A step is all of the recipe: noise and times, forward, backward, clipping, AdamW (fused), two averages of the weights and the balance of the
experts by their selection bias. Blocks are compiled (torch.compile); experts run one at a time, because how many tokens each gets changes
from step to step.
"""
from __future__ import annotations

import argparse
import json
import statistics
import time

import torch
from torch import Tensor

import torch_baseline as baseline

GRID, CLASSES, CONTEXT_TOKENS, BOTTLENECK = 8, 256, 8, 32
BATCH, RATE, BALANCE_RATE, DROPPED = 64, 1e-3, 1e-3, 0.1
DECAYS = (0.999, 0.9996)


class Size(baseline.Size):
    """32 x 32 pixels in patches of 4."""

    @property
    def patch(self) -> int:
        return 4


SIZE = Size(True, 128, 8, 4, 8, 2, 128, 2.5, 3)


class BalancedMoe(baseline.SparseMoe):
    """Chooses by affinity plus a bias, which follows the sign of each expert's missing load."""

    def __init__(self, size: Size, grouped: bool) -> None:
        super().__init__(size, grouped)
        self.register_buffer("bias", torch.zeros(size.experts))
        self.register_buffer("load", torch.zeros(size.experts))

    def route(self, tokens: Tensor) -> tuple[Tensor, Tensor]:
        scores = torch.nn.functional.linear(tokens, self.gate).sigmoid()
        chosen = (scores + self.bias).topk(self.size.top_k, dim=-1, sorted=False).indices
        self.load = torch.bincount(chosen.detach().flatten(), minlength=self.size.experts).float()
        gates = scores.gather(-1, chosen)
        return chosen, gates / (gates.sum(-1, keepdim=True) + 1e-20) * self.size.scale

    def rebalance(self) -> None:
        self.bias += BALANCE_RATE * (self.load.mean() - self.load).sign()


def network_of_the_recipe() -> torch.nn.Module:
    baseline.GRID, baseline.CLASSES = GRID, CLASSES
    baseline.CONTEXT_TOKENS, baseline.BOTTLENECK = CONTEXT_TOKENS, BOTTLENECK
    baseline.SparseMoe = BalancedMoe
    network = baseline.Network(SIZE, grouped=False).train()
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for value in network.parameters():
            if value.dim() > 1:
                value.normal_(std=0.02, generator=generator)
    BalancedMoe.one_by_one = torch.compiler.disable(BalancedMoe.one_by_one)
    for block in network.blocks:
        block.forward = torch.compile(block.forward, dynamic=False)
    return network


def velocity_loss(network: torch.nn.Module, pictures: Tensor, labels: Tensor) -> Tensor:
    """Mean (v - v_target)^2 of a prediction of the clean picture, t = sigmoid(N(-0.8, 0.8))."""
    t = torch.sigmoid(torch.randn(len(pictures)) * 0.8 - 0.8)
    share = t[:, None, None, None]
    noisy = share * pictures + (1 - share) * torch.randn_like(pictures)
    shown = torch.where(torch.rand(len(pictures)) < DROPPED, CLASSES, labels)
    return ((network(noisy, t, shown) - pictures) / (1 - share).clamp_min(0.05)).square().mean()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--steps", type=int, default=30)
    parser.add_argument("--warmup", type=int, default=8)
    opt = parser.parse_args()
    torch.set_num_threads(opt.threads)
    torch.manual_seed(0)
    network = network_of_the_recipe()
    values = list(network.parameters())
    averages = [[value.detach().clone() for value in values] for _ in DECAYS]
    optimizer = torch.optim.AdamW(values, lr=RATE, betas=(0.9, 0.95), weight_decay=0.0, fused=True)
    mixtures = [block.mlp for block in network.blocks if isinstance(block.mlp, BalancedMoe)]
    times = []
    for step in range(opt.steps):
        begin = time.perf_counter()
        loss = velocity_loss(network, torch.rand(BATCH, 3, 32, 32) * 2 - 1, torch.randint(CLASSES, (BATCH,)))
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(values, 1.0)
        optimizer.step()
        for average, decay in zip(averages, DECAYS):
            torch._foreach_lerp_(average, [value.detach() for value in values], 1 - min(decay, (1 + step) / (10 + step)))
        for mixture in mixtures:
            mixture.rebalance()
        loss.item()
        times.append((time.perf_counter() - begin) * 1000)
    parameters = sum(value.numel() for value in values)
    times = times[opt.warmup:]
    print(json.dumps({"case": "training step", "parameters": parameters, "threads": opt.threads, "median_ms": statistics.median(times),
                      "min_ms": min(times), "torch": torch.__version__.split("+")[0]}))


if __name__ == "__main__":
    main()
