#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes a checkpoint of one released shape, with random weights, exactly in the published layout.

    make_released_checkpoint.py DSMoE-L-E16 FOLDER --optimizer

DSMoE:   FOLDER/config_<date>.yaml and FOLDER/checkpoints/0700000.pt with the members model, ema, opt, args (S and B), or
         model, ema, args (L and 3B, as their trainer saved them; --optimizer adds opt).
JiT(MoE): FOLDER/checkpoint-last.pth with model, optimizer, epoch, args, model_ema1, model_ema2; names begin with "net.",
         the two averages hold Parameter objects.

Every tensor has a storage of its own, as in the published files. The storages are windows at different places of one block
of random numbers, so the writer needs little memory whatever the size. With --sparse the members that the program does not
prefer (everything but ema or model_ema1) are zeros that take no room on the disk; the file's size and layout stay the same.

A tool for measurements; needs torch and numpy; no part of the build."""

import argparse
import os
import sys
from collections import OrderedDict

import numpy as np
import torch

# width, depth, heads, experts, top-k, expert width, groups, scale
DSMOE = {
    "DSMoE-S-E16": (384, 10, 6, 16, 2, 768, 2, 2.0),
    "DSMoE-S-E48": (384, 12, 6, 48, 5, 128, 1, 2.5),
    "DSMoE-B-E16": (768, 10, 12, 16, 2, 1536, 2, 2.0),
    "DSMoE-B-E48": (768, 12, 12, 48, 5, 256, 1, 2.5),
    "DSMoE-L-E16": (1024, 20, 16, 16, 2, 2048, 2, 2.0),
    "DSMoE-L-E48": (1024, 24, 16, 48, 5, 448, 1, 2.5),
    "DSMoE-3B-E16": (1152, 30, 16, 16, 2, 2880, 2, 2.0),
}
# name in args, width, depth, heads, experts, expert width, patch
JIT = {
    "JiTMoE-B16-E16": ("JiTMoE-B/16-E16", 768, 10, 12, 16, 1536, 16),
    "JiTMoE-L16-E16": ("JiTMoE-L/16-E16", 1024, 20, 16, 16, 2048, 16),
    "JiT-B16": ("JiT-B/16", 768, 12, 12, 0, 0, 16),
    "JiT-B32": ("JiT-B/32", 768, 12, 12, 0, 0, 32),
    "JiT-L16": ("JiT-L/16", 1024, 24, 16, 0, 0, 16),
    "JiT-L32": ("JiT-L/32", 1024, 24, 16, 0, 0, 32),
    "JiT-H16": ("JiT-H/16", 1280, 32, 16, 0, 0, 16),
    "JiT-H32": ("JiT-H/32", 1280, 32, 16, 0, 0, 32),
}
CLASSES, WAVES, TOKENS, CONTEXT = 1000, 256, 256, 32


class Values:
    """Random numbers to cut storages from. A window is a storage of its own; nothing is copied."""

    def __init__(self, largest, seed):
        generator = np.random.default_rng(seed)
        self.slack = 1 << 20
        self.pool = generator.standard_normal(largest + self.slack, dtype=np.float32) * np.float32(0.02)
        self.near_one = 1 + self.pool[: 1 << 14]
        self.squares = np.square(self.pool)
        self.zeros = np.zeros(largest, dtype=np.float32)  # never written, so never resident
        self.place = generator

    def window(self, shape, block):
        count = int(np.prod(shape))
        spare = block.size - count
        first = int(self.place.integers(0, spare + 1)) if spare else 0
        return torch.from_numpy(block[first:first + count]).view(*shape)

    def weight(self, name, shape, blank):
        if name.endswith("e_score_correction_bias"):
            return torch.zeros(shape)  # as published
        if blank:
            return self.window(shape, self.zeros)
        norm = "norm" in name and len(shape) == 1
        return self.window(shape, self.near_one if norm else self.pool)


def linear(tensors, name, rows, columns, bias=True):
    tensors[name + ".weight"] = (rows, columns)
    if bias:
        tensors[name + ".bias"] = (rows,)


def dsmoe_tensors(width, depth, experts, inner):
    t = OrderedDict()
    t["x_embedder.proj.weight"], t["x_embedder.proj.bias"] = (width, 4, 2, 2), (width,)
    linear(t, "t_embedder.mlp.0", width, WAVES)
    linear(t, "t_embedder.mlp.2", width, width)
    t["y_embedder.embedding_table.weight"] = (CLASSES + 1, width)

    def expert(name):
        linear(t, name + ".gate_proj", inner, width, False)
        linear(t, name + ".up_proj", inner, width, False)
        linear(t, name + ".down_proj", width, inner, False)

    for block in range(depth):
        name = f"blocks.{block}"
        linear(t, name + ".attn.qkv", 3 * width, width)
        linear(t, name + ".attn.proj", width, width)
        if block % 2 == 0:
            linear(t, name + ".mlp.fc1", 4 * width, width)
            linear(t, name + ".mlp.fc2", width, 4 * width)
        else:
            for e in range(experts):
                expert(f"{name}.mlp.experts.blocks.{e}")
            t[name + ".mlp.gate.weight"] = (experts, width)
            t[name + ".mlp.gate.e_score_correction_bias"] = (experts,)
            expert(name + ".mlp.shared_experts")
        linear(t, name + ".adaLN_modulation.1", 6 * width, width)
    linear(t, "final_layer.linear", 2 * 2 * 8, width)
    linear(t, "final_layer.adaLN_modulation.1", 2 * width, width)
    return t


def jit_tensors(width, depth, heads, experts, inner, patch):
    t = OrderedDict()
    bottleneck = 256 if width == 1280 else 128
    t["net.pos_embed"] = (1, TOKENS, width)
    t["net.in_context_posemb"] = (1, CONTEXT, width)
    linear(t, "net.t_embedder.mlp.0", width, WAVES)
    linear(t, "net.t_embedder.mlp.2", width, width)
    t["net.y_embedder.embedding_table.weight"] = (CLASSES + 1, width)
    t["net.x_embedder.proj1.weight"] = (bottleneck, 3, patch, patch)
    t["net.x_embedder.proj2.weight"], t["net.x_embedder.proj2.bias"] = (width, bottleneck, 1, 1), (width,)

    def swiglu(name, hidden):
        linear(t, name + ".w12", 2 * hidden, width)
        linear(t, name + ".w3", width, hidden)

    for block in range(depth):
        name = f"net.blocks.{block}"
        t[name + ".norm1.weight"] = (width,)
        t[name + ".attn.q_norm.weight"] = t[name + ".attn.k_norm.weight"] = (width // heads,)
        linear(t, name + ".attn.qkv", 3 * width, width)
        linear(t, name + ".attn.proj", width, width)
        t[name + ".norm2.weight"] = (width,)
        if experts and block % 2 == 1:
            for e in range(experts):
                swiglu(f"{name}.mlp.experts.blocks.{e}", inner)
            t[name + ".mlp.gate.weight"] = (experts, width)
            t[name + ".mlp.gate.e_score_correction_bias"] = (experts,)
            swiglu(name + ".mlp.shared_experts", inner)
        else:
            swiglu(name + ".mlp", 4 * width * 2 // 3)
        linear(t, name + ".adaLN_modulation.1", 6 * width, width)
    t["net.final_layer.norm_final.weight"] = (width,)
    linear(t, "net.final_layer.linear", patch * patch * 3, width)
    linear(t, "net.final_layer.adaLN_modulation.1", 2 * width, width)
    return t


def state_dict(tensors, values, blank, parameters=False):
    state = OrderedDict()
    for name, shape in tensors.items():
        value = values.weight(name, shape, blank)
        if parameters and not name.endswith("e_score_correction_bias"):
            value = torch.nn.Parameter(value, requires_grad=False)
        state[name] = value
    state._metadata = OrderedDict([("", {"version": 1})])
    return state


def adamw(shapes, groups, settings, values, blank):
    moment, square = (values.zeros, values.zeros) if blank else (values.pool, values.squares)
    state = {i: {"step": torch.tensor(700000.0), "exp_avg": values.window(shape, moment),
                 "exp_avg_sq": values.window(shape, square)} for i, shape in enumerate(shapes)}
    common = {"eps": 1e-08, "amsgrad": False, "maximize": False, "foreach": None, "capturable": False,
              "differentiable": False, "fused": None, "decoupled_weight_decay": True}
    first, listed = 0, []
    for size in groups:
        listed.append({**settings, **common, "params": list(range(first, first + size))})
        first += size
    return {"state": state, "param_groups": listed}


def learned(tensors):
    return OrderedDict((n, s) for n, s in tensors.items() if not n.endswith(("e_score_correction_bias", "pos_embed")))


class HoleyFile:
    """A file in which blocks of zeros are left out, as holes."""

    def __init__(self, path):
        self.file = open(path, "wb")

    def write(self, data):
        view = memoryview(data).cast("B")
        if len(view) >= 1 << 16 and not np.frombuffer(view, dtype=np.uint8).any():
            self.file.seek(len(view), os.SEEK_CUR)
        else:
            self.file.write(view)
        return len(view)

    def flush(self):
        self.file.flush()

    def close(self):
        self.file.flush()
        self.file.truncate(self.file.tell())
        os.fsync(self.file.fileno())
        self.file.close()


def save(members, path):
    # Published files were saved from a GPU; the optimizer's step counters (one number each) from the CPU.
    torch.serialization.register_package(0, lambda s: "cuda:0" if s.nbytes() > 4 else "cpu", lambda s, tag: None)
    target = HoleyFile(path)
    torch.save(members, target)
    target.close()


DSMOE_YAML = """basic:
  exp_name: 000_{exp}_Flow
  results_dir: results/run
  global_seed: 1234
  epochs: 1000
  rf: true
  image_size: 256
  global_batch_size: 512
  vae_path: stabilityai/sd-vae-ft-mse
model:
  ckpt: null
  target: models.models_DSMoE.DiT
  params:
    input_size: 32
    num_classes: 1000
    patch_size: 2
    depth: {depth}
    hidden_size: {width}
    num_heads: {heads}
    mlp_ratio: 4
    use_swiglu: false
    rope_type: 2d
    use_sinks: false
    sliding_window: 0
    enable_gqa: false
    norm_type: layernorm
    MoE_config:
      num_experts: {experts}
      hidden_size: {width}
      moe_intermediate_size: {inner}
      n_group: {groups}
      topk_group: {groups}
      num_experts_per_tok: {top_k}
      routed_scaling_factor: {scale}
      capacity: 1
      init_MoeMLP: false
      interleave: true
      skip_first2: false
      skip_last2: false
      use_shared_expert: true
    CapacityPred_loss_weight: 1
optim:
  base_learning_rate: 0.0001
  weight_decay: 0
  betas:
  - 0.9
  - 0.999
"""


def write_dsmoe(name, folder, values_for, optimizer, sparse):
    width, depth, heads, experts, top_k, inner, groups, scale = DSMOE[name]
    tensors = dsmoe_tensors(width, depth, experts, inner)
    values = values_for(tensors)
    exp = name.replace("-", "_")
    os.makedirs(os.path.join(folder, "checkpoints"), exist_ok=True)
    with open(os.path.join(folder, "config_2025-12-01T00-00-00.yaml"), "w") as out:
        out.write(DSMOE_YAML.format(**locals()))
    members = {"model": state_dict(tensors, values, sparse), "ema": state_dict(tensors, values, False)}
    if optimizer:
        shapes = list(learned(tensors).values())
        members["opt"] = adamw(shapes, [len(shapes)], {"lr": 1e-4, "betas": (0.9, 0.999), "weight_decay": 0}, values, sparse)
    members["args"] = argparse.Namespace(config=f"config/000_{exp}_Flow.yaml", wandb=False, resume_path=None, exp_name=exp)
    path = os.path.join(folder, "checkpoints", "0700000.pt")
    save(members, path)
    return path


def write_jit(name, folder, values_for, optimizer, sparse):
    model, width, depth, heads, experts, inner, patch = JIT[name]
    tensors = jit_tensors(width, depth, heads, experts, inner, patch)
    values = values_for(tensors)
    os.makedirs(folder, exist_ok=True)
    members = {"model": state_dict(tensors, values, sparse)}
    if optimizer:
        shapes = list(learned(tensors).values())
        flat = [s for s in shapes if len(s) == 1]
        rest = [s for s in shapes if len(s) > 1]
        members["optimizer"] = adamw(flat + rest, [len(flat), len(rest)],
                                     {"weight_decay": 0.0, "lr": 2e-4, "betas": (0.9, 0.95)}, values, sparse)
    members["epoch"] = 599
    members["args"] = argparse.Namespace(
        model=model, img_size=16 * patch, attn_dropout=0.0, proj_dropout=0.0, epochs=600, warmup_epochs=5, batch_size=128,
        lr=2e-4, blr=5e-5, ema_decay1=0.9999, ema_decay2=0.9996, P_mean=-0.8, P_std=0.8, noise_scale=1.0 * patch / 16, t_eps=0.05,
        label_drop_prob=0.1, seed=0, sampling_method="heun", num_sampling_steps=50, cfg=2.9, interval_min=0.1,
        interval_max=1.0, class_num=CLASSES, output_dir="results/run", device="cuda", world_size=8)
    members["model_ema1"] = state_dict(tensors, values, False, parameters=True)
    members["model_ema2"] = state_dict(tensors, values, sparse, parameters=True)
    path = os.path.join(folder, "checkpoint-last.pth")
    save(members, path)
    return path


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("size", choices=[*DSMOE, *JIT])
    parser.add_argument("folder")
    parser.add_argument("--optimizer", action=argparse.BooleanOptionalAction, default=None,
                        help="with or without AdamW state (default: as published)")
    parser.add_argument("--sparse", action="store_true", help="members that are not loaded take no room on the disk")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()

    def values_for(tensors):
        return Values(max(int(np.prod(shape)) for shape in tensors.values()), options.seed)

    optimizer = options.optimizer
    if optimizer is None:
        optimizer = not options.size.startswith(("DSMoE-L", "DSMoE-3B"))
    write = write_dsmoe if options.size in DSMOE else write_jit
    path = write(options.size, options.folder, values_for, optimizer, options.sparse)
    info = os.stat(path)
    print(f"{path}: {info.st_size / 1e9:.2f} GB, {info.st_blocks * 512 / 1e9:.2f} GB on the disk", file=sys.stderr)


if __name__ == "__main__":
    main()
