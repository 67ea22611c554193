#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Times moescope-cli's forward passes against PyTorch (torch_baseline.py), in processes that alternate and never run at once.

    tests/bench/compare.py --python python3 --device cuda --dtype f32 bf16
    tests/bench/compare.py --python python3 --device cpu --threads 1 2 --batch 1 2 --variants eager

A pair is one process of either side, and the order changes from pair to pair; the median inside a process is one observation. Time, label
and noise differ in every pass on both sides. Printed as a Markdown table: medians over all pairs and their ratio (PyTorch / ours: above 1 we
are faster) with a 95 % interval from resampling the pairs. Refuses to start while the machine is busy, and with fewer than 20 pairs
unless --quick says that the numbers are only a check of the script.
"""
from __future__ import annotations

import argparse
import itertools
import json
import os
import random
import statistics
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
FEWEST_PAIRS = 20
BUSY = 0.15  # share of the cores
RESAMPLES = 4000


def observe(command: list[str]) -> dict:
    """The last JSON line of a process."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)}\nended with {done.returncode}: {done.stderr.strip()[-2000:]}")
    return json.loads(done.stdout.strip().splitlines()[-1])


def interval(pairs: list[tuple[float, float]]) -> tuple[float, float]:
    """2.5 and 97.5 percentiles of the ratio of medians over resampled pairs of (peer, ours)."""
    draw = random.Random(0)
    ratios = []
    for _ in range(RESAMPLES):
        some = draw.choices(pairs, k=len(pairs))
        ratios.append(statistics.median(p for p, _ in some) / statistics.median(o for _, o in some))
    ratios.sort()
    return ratios[int(0.025 * RESAMPLES)], ratios[int(0.975 * RESAMPLES) - 1]


def busy_share(seconds: float) -> float:
    """Share of all cores that was busy over the next seconds."""
    def read() -> tuple[int, int]:
        with open("/proc/stat", encoding="ascii") as stat:
            numbers = [int(x) for x in stat.readline().split()[1:]]
        return sum(numbers), numbers[3] + numbers[4]

    total, idle = read()
    time.sleep(seconds)
    total2, idle2 = read()
    return 1 - (idle2 - idle) / max(1, total2 - total)


def other_gpu_work() -> str:
    """Processes that compute on the GPU; empty when there are none or nobody can tell."""
    try:
        listed = subprocess.run(["nvidia-smi", "--query-compute-apps=pid", "--format=csv,noheader"], capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return ""
    return listed.stdout.strip() if listed.returncode == 0 else ""


def refuse_when_busy(opt: argparse.Namespace) -> None:
    if opt.quick:
        return
    if (share := busy_share(2.0)) > BUSY:
        sys.exit(f"the machine is busy ({share:.0%} of its cores); times would mean nothing, try again later")
    if opt.device == "cuda" and (work := other_gpu_work()):
        sys.exit(f"other processes use the GPU ({' '.join(work.split())}); times would mean nothing, try again later")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cli", default=os.path.normpath(os.path.join(HERE, "../../build/release/app/moescope-cli")))
    parser.add_argument("--python", default=sys.executable, help="a Python that has torch")
    parser.add_argument("--sizes", nargs="+", default=["DSMoE-S-E48", "DSMoE-B-E48", "DSMoE-L-E16", "JiTMoE-B16-E16"])
    parser.add_argument("--variants", nargs="+", choices=("eager", "grouped", "compile"), default=["eager", "grouped", "compile"])
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu", help="of both sides")
    parser.add_argument("--dtype", nargs="+", choices=("f32", "bf16"), default=["f32"], help="of both sides")
    parser.add_argument("--batch", nargs="+", type=int, default=[2], help="2: both branches of one guided picture")
    parser.add_argument("--threads", nargs="+", type=int, default=[1], help="of both sides, on the CPU")
    parser.add_argument("--pairs", type=int, default=FEWEST_PAIRS)
    parser.add_argument("--repeat", type=int, default=10, help="timed passes inside each process")
    parser.add_argument("--warmup", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="allow few pairs and a busy machine: checks the script, measures nothing")
    parser.add_argument("--json", help="write every observation to this file")
    opt = parser.parse_args()
    if opt.pairs < FEWEST_PAIRS and not opt.quick:
        parser.error(f"{opt.pairs} pairs say little; take at least {FEWEST_PAIRS}, or --quick to check the script only")
    refuse_when_busy(opt)

    observations = []
    print("| case | batch | dtype | threads | PyTorch | PyTorch, ms | MoEscope, ms | ratio | 95 % interval |\n|---|---|---|---|---|---|---|---|---|")
    for size, dtype, threads, batch, variant in itertools.product(opt.sizes, opt.dtype, opt.threads, opt.batch, opt.variants):
        common = ["--size", size, "--batch", str(batch), "--device", opt.device, "--dtype", dtype, "--threads", str(threads),
                  "--repeat", str(opt.repeat), "--warmup", str(opt.warmup)]
        commands = {"ours": [opt.cli, "bench", "--json", *common],
                    "peer": [opt.python, os.path.join(HERE, "torch_baseline.py"), "--variant", variant, *common]}
        pairs = []
        for pair in range(opt.pairs):
            seen = {}
            for side in ("ours", "peer") if pair % 2 == 0 else ("peer", "ours"):
                seen[side] = observe(commands[side])
            observations.append({"size": size, "variant": variant, **seen})
            pairs.append((seen["peer"]["median_ms"], seen["ours"]["median_ms"]))
        peer, ours = (statistics.median(p[side] for p in pairs) for side in (0, 1))
        low, high = interval(pairs)
        print(f"| {size} | {batch} | {dtype} | {threads} | {variant} | {peer:.3g} | {ours:.3g} | {peer / ours:.2f} | {low:.2f} - {high:.2f} |", flush=True)
    if opt.quick:
        print("\nA check of the script (--quick): these numbers are no measurement.")
    elif observations:
        print(f"\n{opt.pairs} pairs of processes each, medians of {opt.repeat} passes inside a process; {observations[0]['ours']['description']}, "
              f"PyTorch {observations[0]['peer']['torch']} on {observations[0]['peer']['device']}.")
    if opt.json:
        with open(opt.json, "w", encoding="utf-8") as out:
            json.dump(observations, out, indent=1)


if __name__ == "__main__":
    main()
