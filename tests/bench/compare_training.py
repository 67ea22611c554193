#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Times the steps of `moescope-cli train emoji32` against PyTorch (torch_training.py), in processes that alternate and never run at once.

    tests/bench/compare_training.py --python python3 --threads 1 2

Both train the network of the recipe emoji32 (3.8 million parameters, batch 64, fp32) from random weights; ours also reads its pictures. The
median of the steps after the eighth is one observation. Printed as in compare.py: medians over all pairs and their ratio (PyTorch /
ours) with a 95 % interval from resampling the pairs.
"""
from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile

from compare import HERE, interval, observe, refuse_when_busy

FEWEST_PAIRS = 5


def our_step(cli: str, data: str, threads: int, steps: int, warmup: int) -> float:
    """Median milliseconds of a step."""
    with tempfile.TemporaryDirectory() as folder:
        run = os.path.join(folder, "run")
        command = [cli, "train", "emoji32", "--data", data, "-o", run, "--steps", str(steps), "--set", "samples.every=0", "-t", str(threads)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            sys.exit(f"{' '.join(command)}\nended with {done.returncode}: {done.stderr.strip()[-2000:]}")
        with open(os.path.join(run, "metrics.jsonl"), encoding="utf-8") as metrics:
            lines = [json.loads(line) for line in metrics]
    return statistics.median([line["seconds"] * 1000 for line in lines if line["seconds"] > 0][warmup:])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cli", default=os.path.normpath(os.path.join(HERE, "../../build/release/app/moescope-cli")))
    parser.add_argument("--python", default=sys.executable, help="a Python that has torch")
    parser.add_argument("--data", help="a set of emoji as `moescope-cli dataset emoji` writes it; default: makes one")
    parser.add_argument("--threads", nargs="+", type=int, default=[1], help="of both sides")
    parser.add_argument("--pairs", type=int, default=FEWEST_PAIRS)
    parser.add_argument("--steps", type=int, default=30, help="of each process")
    parser.add_argument("--warmup", type=int, default=8)
    parser.add_argument("--quick", action="store_true", help="allow few pairs and a busy machine: checks the script, measures nothing")
    opt = parser.parse_args()
    opt.device = "cpu"
    if opt.pairs < FEWEST_PAIRS and not opt.quick:
        parser.error(f"{opt.pairs} pairs say little; take at least {FEWEST_PAIRS}, or --quick to check the script only")
    with tempfile.TemporaryDirectory() as folder:
        data = opt.data or os.path.join(folder, "emoji32")
        if not opt.data:
            subprocess.run([opt.cli, "dataset", "emoji", "-o", data], check=True, stdout=subprocess.DEVNULL)
        refuse_when_busy(opt)
        print("| threads | PyTorch, ms | MoEscope, ms | ratio | 95 % interval |\n|---|---|---|---|---|")
        for threads in opt.threads:
            peer = [opt.python, os.path.join(HERE, "torch_training.py"), "--threads", str(threads), "--steps", str(opt.steps),
                    "--warmup", str(opt.warmup)]
            pairs = []
            for pair in range(opt.pairs):
                seen = {}
                for side in ("ours", "peer") if pair % 2 == 0 else ("peer", "ours"):
                    seen[side] = our_step(opt.cli, data, threads, opt.steps, opt.warmup) if side == "ours" else observe(peer)["median_ms"]
                pairs.append((seen["peer"], seen["ours"]))
            theirs, ours = (statistics.median(p[side] for p in pairs) for side in (0, 1))
            low, high = interval(pairs)
            print(f"| {threads} | {theirs:.3g} | {ours:.3g} | {theirs / ours:.2f} | {low:.2f} - {high:.2f} |", flush=True)
    if opt.quick:
        print("\nA check of the script (--quick): these numbers are no measurement.")


if __name__ == "__main__":
    main()
