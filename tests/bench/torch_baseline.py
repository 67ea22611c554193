#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""The PyTorch side of compare.py: one forward pass of a released shape with random weights, timed; one JSON line per batch.

    python tests/bench/torch_baseline.py --size DSMoE-S-E48 --batch 2 --variant eager --device cuda --dtype bf16

Variants: `eager` runs one expert at a time, as the published code does; `grouped` runs all experts of a layer on stacked weights (slices
on the CPU, padded batched products on a GPU); `compile` is `grouped` under torch.compile. Products of fp32 matrices are fp32 (no TF32).
Batch 2 stands for the two branches of one guided picture. Time, label and noise differ from one pass to the next, and a pass is timed from
call to the end of the device's work.

Letters in shapes: B samples, S tokens of one sample, N = B S, D width, E experts, k experts per token, I expert width.
"""
from __future__ import annotations

import argparse
import json
import math
import statistics
import time
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

CLASSES = 1000
GRID = 16  # tokens per side of all released sizes


@dataclass(frozen=True)
class Size:
    pixels: bool  # JiTMoE on 256 x 256 pixels, else DSMoE on 4 x 32 x 32 latents
    width: int
    depth: int
    heads: int
    experts: int
    top_k: int
    expert_width: int
    scale: float
    context_start: int = 0  # class tokens join before this block

    @property
    def patch(self) -> int:
        return 16 if self.pixels else 2

    @property
    def channels(self) -> int:
        return 3 if self.pixels else 4


SIZES = {
    "DSMoE-S-E16": Size(False, 384, 10, 6, 16, 2, 768, 2.0),
    "DSMoE-S-E48": Size(False, 384, 12, 6, 48, 5, 128, 2.5),
    "DSMoE-B-E16": Size(False, 768, 10, 12, 16, 2, 1536, 2.0),
    "DSMoE-B-E48": Size(False, 768, 12, 12, 48, 5, 256, 2.5),
    "DSMoE-L-E16": Size(False, 1024, 20, 16, 16, 2, 2048, 2.0),
    "DSMoE-L-E48": Size(False, 1024, 24, 16, 48, 5, 448, 2.5),
    "DSMoE-3B-E16": Size(False, 1152, 30, 16, 16, 2, 2880, 2.0),
    "JiTMoE-B16-E16": Size(True, 768, 10, 12, 16, 2, 1536, 2.5, 4),
    "JiTMoE-L16-E16": Size(True, 1024, 20, 16, 16, 2, 2048, 2.5, 8),
}
CONTEXT_TOKENS = 32
BOTTLENECK = 128


class GatedExpert(nn.Module):
    """last(silu(a) * b) with (a | b) = first(x); biased in pixel models."""

    def __init__(self, width: int, inner: int, bias: bool) -> None:
        super().__init__()
        self.first = nn.Linear(width, 2 * inner, bias=bias)
        self.last = nn.Linear(inner, width, bias=bias)

    def forward(self, x: Tensor) -> Tensor:
        gate, up = self.first(x).chunk(2, dim=-1)
        return self.last(F.silu(gate) * up)


class DenseMlp(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc2(F.silu(self.fc1(x)))


class SparseMoe(nn.Module):
    """Sigmoid router in fp32, top-k experts with gates that sum to the scale, and one shared expert."""

    def __init__(self, size: Size, grouped: bool) -> None:
        super().__init__()
        self.size, self.grouped = size, grouped
        self.experts = nn.ModuleList(GatedExpert(size.width, size.expert_width, size.pixels) for _ in range(size.experts))
        self.gate = nn.Parameter(torch.empty(size.experts, size.width))
        self.shared = GatedExpert(size.width, size.expert_width, size.pixels)

    def stack(self) -> None:
        """One copy of all experts' weights: [E, 2I, D], [E, D, I] and the biases."""
        for name, part in (("first", lambda e: e.first), ("last", lambda e: e.last)):
            self.register_buffer(name, torch.stack([part(e).weight.data for e in self.experts]), persistent=False)
            if self.size.pixels:
                self.register_buffer(name + "_bias", torch.stack([part(e).bias.data for e in self.experts]), persistent=False)
        self.experts = nn.ModuleList()  # the stacked weights are the only ones

    def route(self, tokens: Tensor) -> tuple[Tensor, Tensor]:
        scores = F.linear(tokens.float(), self.gate.float()).sigmoid()
        gates, chosen = scores.topk(self.size.top_k, dim=-1, sorted=False)
        return chosen, gates / (gates.sum(-1, keepdim=True) + 1e-20) * self.size.scale

    def forward(self, x: Tensor) -> Tensor:
        tokens = x.flatten(0, -2)
        chosen, gates = self.route(tokens)
        run = self.one_by_one if not self.grouped else self.padded if tokens.is_cuda else self.sliced
        return run(tokens, chosen, gates).view_as(x) + self.shared(x)

    def one_by_one(self, tokens: Tensor, chosen: Tensor, gates: Tensor) -> Tensor:
        total = torch.zeros_like(tokens)
        for e, expert in enumerate(self.experts):
            rows, slots = (chosen == e).nonzero(as_tuple=True)
            if rows.numel():
                total.index_add_(0, rows, (expert(tokens[rows]) * gates[rows, slots, None]).to(total.dtype))
        return total

    def sorted_pairs(self, tokens: Tensor, chosen: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Rows in expert order, their experts, how many each expert has, and where each pair went."""
        flat = chosen.flatten()
        order = flat.argsort(stable=True)
        back = torch.empty_like(order).scatter_(0, order, torch.arange(flat.numel(), device=flat.device))
        load = torch.zeros(self.size.experts, dtype=torch.long, device=flat.device).scatter_add_(0, flat, torch.ones_like(flat))
        return tokens[order // self.size.top_k], flat[order], load, back

    def combine(self, out: Tensor, back: Tensor, gates: Tensor) -> Tensor:
        return torch.einsum("nkd,nk->nd", out[back].view(*gates.shape, -1), gates.to(out.dtype))

    def sliced(self, tokens: Tensor, chosen: Tensor, gates: Tensor) -> Tensor:
        rows, _, load, back = self.sorted_pairs(tokens, chosen)
        out, begin = torch.empty_like(rows), 0
        for e, count in enumerate(load.tolist()):
            part = slice(begin, begin + count)
            begin += count
            if count == 0:
                continue
            bias = (self.first_bias[e], self.last_bias[e]) if self.size.pixels else (None, None)
            gate, up = F.linear(rows[part], self.first[e], bias[0]).chunk(2, dim=-1)
            out[part] = F.linear(F.silu(gate) * up, self.last[e], bias[1])
        return self.combine(out, back, gates)

    def padded(self, tokens: Tensor, chosen: Tensor, gates: Tensor) -> Tensor:
        """Two batched products, each expert's rows padded to the largest load."""
        rows, owner, load, back = self.sorted_pairs(tokens, chosen)
        longest = int(load.max())
        cell = owner * longest + torch.arange(len(rows), device=rows.device) - (load.cumsum(0) - load)[owner]
        table = rows.new_zeros(self.size.experts * longest, rows.shape[1])
        table[cell] = rows
        hidden = torch.bmm(table.view(self.size.experts, longest, -1), self.first.mT)
        if self.size.pixels:
            hidden = hidden + self.first_bias[:, None]
        gate, up = hidden.chunk(2, dim=-1)
        out = torch.bmm(F.silu(gate) * up, self.last.mT)
        if self.size.pixels:
            out = out + self.last_bias[:, None]
        return self.combine(out.flatten(0, 1)[cell], back, gates)


def split_halves(head: int) -> Tensor:
    """Angles [S, d/2] of latent models: the row's quarter, then the column's."""
    rate = 10000.0 ** (-torch.arange(head // 4, dtype=torch.float32) / (head // 4))
    angle = torch.arange(GRID, dtype=torch.float32)[:, None] * rate
    rows, cols = angle[:, None].expand(GRID, GRID, -1), angle[None, :].expand(GRID, GRID, -1)
    return torch.cat((rows, cols), dim=-1).reshape(GRID * GRID, -1)


class Attention(nn.Module):
    def __init__(self, size: Size) -> None:
        super().__init__()
        self.size = size
        self.qkv, self.proj = nn.Linear(size.width, 3 * size.width), nn.Linear(size.width, size.width)
        head = size.width // size.heads
        if size.pixels:
            self.q_norm, self.k_norm = nn.Parameter(torch.ones(head)), nn.Parameter(torch.ones(head))
        angle = split_halves(head)
        lead = CONTEXT_TOKENS if size.pixels else 0  # class tokens are not rotated
        self.register_buffer("cos", F.pad(angle.cos(), (0, 0, lead, 0), value=1.0), persistent=False)
        self.register_buffer("sin", F.pad(angle.sin(), (0, 0, lead, 0)), persistent=False)

    def rotate(self, x: Tensor) -> Tensor:
        """x [B, H, S, d]: adjacent pairs in pixel models, the halves of each axis in latent ones."""
        cos, sin = self.cos[-x.shape[2]:], self.sin[-x.shape[2]:]
        if self.size.pixels:
            a, b = x.float().unflatten(-1, (-1, 2)).unbind(-1)
            return torch.stack((a * cos - b * sin, b * cos + a * sin), dim=-1).flatten(-2).to(x.dtype)
        cos, sin = cos.unflatten(-1, (2, -1)), sin.unflatten(-1, (2, -1))
        a, b = x.float().unflatten(-1, (2, 2, -1)).unbind(-2)
        return torch.stack((a * cos - b * sin, b * cos + a * sin), dim=-2).flatten(-3).to(x.dtype)

    def forward(self, x: Tensor) -> Tensor:
        b, s, width = x.shape
        q, k, v = self.qkv(x).view(b, s, 3, self.size.heads, -1).permute(2, 0, 3, 1, 4).unbind(0)
        if self.size.pixels:
            q, k = (F.rms_norm(y.float(), w.shape, w.float(), 1e-6).to(y.dtype) for y, w in ((q, self.q_norm), (k, self.k_norm)))
        out = F.scaled_dot_product_attention(self.rotate(q), self.rotate(k), v)
        return self.proj(out.transpose(1, 2).reshape(b, s, width))


class Norm(nn.Module):
    """LayerNorm without parameters in latent models, RMSNorm with a weight in pixel models; then shift and scale."""

    def __init__(self, size: Size) -> None:
        super().__init__()
        self.width = (size.width,)
        self.weight = nn.Parameter(torch.ones(size.width)) if size.pixels else None

    def forward(self, x: Tensor, shift: Tensor, scale: Tensor) -> Tensor:
        if self.weight is None:
            x = F.layer_norm(x, self.width, eps=1e-6)
        else:
            x = F.rms_norm(x.float(), self.width, self.weight.float(), 1e-6).to(x.dtype)
        return torch.addcmul(shift[:, None], x, 1 + scale[:, None])


class Block(nn.Module):
    def __init__(self, size: Size, index: int, grouped: bool) -> None:
        super().__init__()
        self.norm1, self.norm2 = Norm(size), Norm(size)
        self.attn = Attention(size)
        if index % 2 == 1:
            self.mlp = SparseMoe(size, grouped)
        elif size.pixels:
            self.mlp = GatedExpert(size.width, int(4 * size.width * 2 / 3), True)
        else:
            self.mlp = DenseMlp(size.width)
        self.modulation = nn.Linear(size.width, 6 * size.width)

    def forward(self, x: Tensor, c: Tensor) -> Tensor:
        shift1, scale1, gate1, shift2, scale2, gate2 = self.modulation(F.silu(c)).chunk(6, dim=-1)
        x = x + gate1[:, None] * self.attn(self.norm1(x, shift1, scale1))
        return x + gate2[:, None] * self.mlp(self.norm2(x, shift2, scale2))


class Network(nn.Module):
    """forward(z [B, C, H, W], t [B], label [B]): the velocity with its variance (latents) or the clean picture (pixels)."""

    def __init__(self, size: Size, grouped: bool) -> None:
        super().__init__()
        self.size = size
        values = size.channels * size.patch ** 2
        self.embed = nn.ModuleList([nn.Linear(values, BOTTLENECK, bias=False), nn.Linear(BOTTLENECK, size.width)] if size.pixels
                                   else [nn.Linear(values, size.width)])
        self.time = nn.ModuleList([nn.Linear(256, size.width), nn.Linear(size.width, size.width)])
        self.labels = nn.Embedding(CLASSES + 1, size.width)
        if size.pixels:
            self.positions = nn.Parameter(torch.empty(GRID * GRID, size.width))
            self.context = nn.Parameter(torch.empty(CONTEXT_TOKENS, size.width))
        self.blocks = nn.ModuleList(Block(size, i, grouped) for i in range(size.depth))
        self.norm = Norm(size)
        self.modulation = nn.Linear(size.width, 2 * size.width)
        self.final = nn.Linear(size.width, size.patch ** 2 * size.channels * (1 if size.pixels else 2))

    def waves(self, t: Tensor) -> Tensor:
        rate = torch.exp(torch.arange(128, dtype=torch.float32, device=t.device) * (-math.log(10000.0) / 128))
        angle = t.float()[:, None] * rate
        return torch.cat((angle.cos(), angle.sin()), dim=-1).to(self.time[0].weight.dtype)

    def forward(self, z: Tensor, t: Tensor, label: Tensor) -> Tensor:
        b, channels, height, _ = z.shape
        p, side = self.size.patch, height // self.size.patch
        embedded = self.labels(label)
        c = self.time[1](F.silu(self.time[0](self.waves(t)))) + embedded
        x = z.view(b, channels, side, p, side, p).permute(0, 2, 4, 1, 3, 5).reshape(b, side * side, -1)
        for layer in self.embed:
            x = layer(x)
        if self.size.pixels:
            x = x + self.positions
        lead = 0
        for i, block in enumerate(self.blocks):
            if self.size.pixels and i == self.size.context_start:
                x, lead = torch.cat((embedded[:, None] + self.context, x), dim=1), CONTEXT_TOKENS
            x = block(x, c)
        shift, scale = self.modulation(F.silu(c)).chunk(2, dim=-1)
        x = self.final(self.norm(x[:, lead:], shift, scale))
        return x.view(b, side, side, p, p, -1).permute(0, 5, 1, 3, 2, 4).reshape(b, -1, height, height)


def build(name: str, variant: str, device: str, dtype: torch.dtype) -> nn.Module:
    size = SIZES[name]
    with torch.device("meta"):
        network = Network(size, variant != "eager")
    network = network.to_empty(device="cpu")
    for module in network.modules():  # what is computed and not learned
        if isinstance(module, Attention):
            fresh = Attention(size)
            module.cos, module.sin = fresh.cos, fresh.sin
    gen = torch.Generator().manual_seed(0)
    for key, value in network.named_parameters():
        noise = torch.rand(value.shape, generator=gen) * 2 - 1
        norm = value.dim() == 1 and "norm" in key
        value.data.copy_(1 + 0.08 * noise if norm else 0.08 * noise if value.dim() == 1 else noise * math.sqrt(3 / value.shape[-1]))
    tables = {key: buffer.clone() for key, buffer in network.named_buffers()}
    network = network.eval().requires_grad_(False).to(dtype)
    for module in network.modules():
        if isinstance(module, SparseMoe) and module.grouped:
            module.stack()
    for key, table in tables.items():  # positions stay fp32
        parent, _, leaf = key.rpartition(".")
        setattr(network.get_submodule(parent), leaf, table)
    network = network.to(device)
    return torch.compile(network) if variant == "compile" else network


def time_forward(network: nn.Module, size: Size, batch: int, opt: argparse.Namespace, dtype: torch.dtype) -> list[float]:
    """Milliseconds of each pass."""
    side = GRID * size.patch
    wait = torch.cuda.synchronize if opt.device == "cuda" else lambda: None
    times = []
    with torch.inference_mode():
        for i in range(opt.warmup + opt.repeat):
            gen = torch.Generator().manual_seed(i)
            z = torch.randn((batch, size.channels, side, side), generator=gen).to(opt.device, dtype)
            t = torch.full((batch,), (i * 37 + 11) % 100 / 100, device=opt.device)
            label = torch.full((batch,), CLASSES, device=opt.device)
            label[0] = (i * 101 + 207) % CLASSES
            wait()
            start = time.perf_counter()
            network(z, t, label)
            wait()
            if i >= opt.warmup:
                times.append((time.perf_counter() - start) * 1000)
    return times


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", choices=sorted(SIZES), default="DSMoE-S-E48")
    parser.add_argument("--batch", nargs="+", type=int, default=[2])
    parser.add_argument("--variant", choices=("eager", "grouped", "compile"), default="eager")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--dtype", choices=("f32", "bf16"), default="f32")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--repeat", type=int, default=10)
    parser.add_argument("--warmup", type=int, default=3)
    opt = parser.parse_args()
    torch.set_num_threads(opt.threads)
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False
    dtype = {"f32": torch.float32, "bf16": torch.bfloat16}[opt.dtype]
    network = build(opt.size, opt.variant, opt.device, dtype)
    for batch in opt.batch:
        times = time_forward(network, SIZES[opt.size], batch, opt, dtype)
        print(json.dumps({"case": "forward", "model": opt.size, "batch": batch, "variant": opt.variant, "dtype": opt.dtype,
                          "device": torch.cuda.get_device_name() if opt.device == "cuda" else "CPU", "threads": opt.threads,
                          "repeat": len(times), "median_ms": statistics.median(times), "min_ms": min(times), "max_ms": max(times),
                          "torch": torch.__version__.split("+")[0]}), flush=True)


if __name__ == "__main__":
    main()
