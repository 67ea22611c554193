#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes tests/golden/unet-hashed: small U-Nets of diffusers, run in fp32 on the CPU. Needs torch, safetensors and diffusers.

The weights are not stored. Every number follows from the tensor's name and its place in the tensor (as makeRandomWeights of the engine
draws them), so that a case is its config.json and the tensors of one forward pass."""
import json
import math
import pathlib
import sys

import numpy as np
import torch
from diffusers import UNet2DConditionModel, UNet2DModel
from safetensors.torch import save_file

OUT = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else "tests/golden/unet-hashed")


def mix(x):
    x = x + np.uint64(0x9E3779B97F4A7C15)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


def drawn(name, shape):
    seed = 14695981039346656037
    for c in name.encode():
        seed = ((seed ^ c) * 1099511628211) % 2**64
    count = math.prod(shape)
    unit = (mix(np.uint64(seed) + np.arange(count, dtype=np.uint64)) >> np.uint64(40)).astype(np.float32) * np.float32(2**-24)
    middle = np.float32(1 if len(shape) == 1 and "norm" in name else 0)
    half = np.float32(0.08) if len(shape) == 1 else np.sqrt(np.float32(3) / np.float32(count // shape[0]))
    return torch.from_numpy(middle + half * (np.float32(2) * unit - np.float32(1))).reshape(shape)


def old_name(name):
    """As plain attention was spelled before 2023."""
    if ".attentions." not in name:
        return name
    for new, old in (("to_q", "query"), ("to_k", "key"), ("to_v", "value"), ("to_out.0", "proj_attn")):
        name = name.replace(new, old)
    return name


def run(case, model, inputs, old_names=False):
    model.eval()
    rename = old_name if old_names else (lambda name: name)
    model.load_state_dict({name: drawn(rename(name), tuple(value.shape)) for name, value in model.state_dict().items()})
    kept = {}

    def keep(name):
        return lambda _module, _args, output: kept.__setitem__(name, (output[0] if isinstance(output, tuple) else output).clone())

    model.time_embedding.register_forward_hook(keep("time"))
    model.conv_in.register_forward_hook(keep("conv_in"))
    for i, block in enumerate(model.down_blocks):
        block.register_forward_hook(keep(f"down.{i}"))
    model.mid_block.register_forward_hook(keep("mid"))
    for i, block in enumerate(model.up_blocks):
        block.register_forward_hook(keep(f"up.{i}"))
    call = {"sample": inputs["x"], "timestep": inputs["t"]}
    if "labels" in inputs:
        call["class_labels"] = inputs["labels"]
    if "context" in inputs:
        call["encoder_hidden_states"] = inputs["context"]
    if "time_ids" in inputs:
        call["added_cond_kwargs"] = {"text_embeds": inputs["text_embeds"], "time_ids": inputs["time_ids"]}
    with torch.no_grad():
        kept["output"] = model(**call).sample
    folder = OUT / case
    folder.mkdir(parents=True, exist_ok=True)
    save_file({k: v.contiguous() for k, v in (inputs | kept).items()}, folder / "forward.safetensors")
    config = {k: v for k, v in model.config.items() if not k.startswith("_")} | {"_class_name": type(model).__name__}
    (folder / "config.json").write_text(json.dumps(config, indent=1, default=list) + "\n")
    (folder / "forward.safetensors").chmod(0o644)
    kind = "unet2d-condition" if "context" in inputs else "unet2d"
    (folder / "case.json").write_text(json.dumps({"kind": kind, "case": "unet-hashed-" + case}, indent=1) + "\n")
    print(case, sum(p.numel() for p in model.parameters()), "parameters, output up to", float(kept["output"].abs().max()))


def main():
    torch.manual_seed(1)
    text = dict(cross_attention_dim=24, norm_num_groups=8, sample_size=8)
    run("text", UNet2DConditionModel(block_out_channels=(16, 32, 32), layers_per_block=1, attention_head_dim=4,
                                     down_block_types=("CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D"),
                                     up_block_types=("UpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D"), **text),
        {"x": torch.randn(2, 4, 8, 8), "t": torch.tensor([3.0, 987.0]), "context": torch.randn(2, 7, 24)})
    run("text-time", UNet2DConditionModel(block_out_channels=(16, 32), layers_per_block=2, attention_head_dim=(2, 4),
                                          transformer_layers_per_block=(1, 2), use_linear_projection=True,
                                          addition_embed_type="text_time", addition_time_embed_dim=8,
                                          projection_class_embeddings_input_dim=64,
                                          down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
                                          up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"), **text),
        {"x": torch.randn(2, 4, 8, 8), "t": torch.tensor([0.5, 400.25]), "context": torch.randn(2, 5, 24),
         "text_embeds": torch.randn(2, 16), "time_ids": torch.tensor([[64.0, 64, 0, 0, 64, 64], [48, 64, 8, 0, 64, 64]])})
    run("classes", UNet2DModel(sample_size=8, block_out_channels=(16, 32), layers_per_block=1, attention_head_dim=8, norm_num_groups=8,
                               num_class_embeds=11, down_block_types=("DownBlock2D", "AttnDownBlock2D"),
                               up_block_types=("AttnUpBlock2D", "UpBlock2D")),
        {"x": torch.randn(2, 3, 8, 8), "t": torch.tensor([1.0, 600.0]), "labels": torch.tensor([4, 10])})
    run("early", UNet2DModel(sample_size=8, block_out_channels=(16, 32), layers_per_block=2, attention_head_dim=None, norm_num_groups=8,
                             norm_eps=1e-6, freq_shift=1, flip_sin_to_cos=False, downsample_padding=0,
                             down_block_types=("DownBlock2D", "AttnDownBlock2D"), up_block_types=("AttnUpBlock2D", "UpBlock2D")),
        {"x": torch.randn(2, 3, 8, 8), "t": torch.tensor([0.0, 999.0])}, old_names=True)


if __name__ == "__main__":
    main()
