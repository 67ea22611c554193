#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Times moescope-cli's forward passes against a PyTorch program, in processes that alternate and never run at once.

    tests/bench/compare_forward.py --peer "python bench.py" --cases DSMoE-S-E48 --threads 1 2 --pairs 20

The peer takes --cases NAME --batch N --threads N --runs N --warmup N and prints one JSON line with "median_ms". Each pair runs
one process of either side, the order changing from pair to pair; a process's median is one observation. Printed: medians over all
pairs, their ratio (peer / ours; above 1 we are faster) with a 95 % interval from resampling the pairs, as a Markdown table.
Refuses to start while the machine is busy.
"""
from __future__ import annotations

import argparse
import json
import os
import random
import shlex
import statistics
import subprocess
import sys
import time


def observe(command: list[str]) -> float:
    """Median milliseconds of the process's own timed runs."""
    lines = subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip().splitlines()
    return float(json.loads(lines[-1])["median_ms"])


def interval(ratios: list[float]) -> tuple[float, float]:
    """2.5 and 97.5 percentiles of the median ratio over resampled pairs."""
    draw = random.Random(0)
    medians = sorted(statistics.median(draw.choices(ratios, k=len(ratios))) for _ in range(2000))
    return medians[50], medians[1949]


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


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    here = os.path.dirname(os.path.abspath(__file__))
    parser.add_argument("--cli", default=os.path.join(here, "../../build/release/app/moescope-cli"))
    parser.add_argument("--peer", required=True, help="command of the PyTorch program")
    parser.add_argument("--cases", nargs="+", default=["DSMoE-S-E16", "DSMoE-S-E48", "DSMoE-B-E48", "JiTMoE-B16-E16"])
    parser.add_argument("--batch", nargs="+", type=int, default=[1, 2])
    parser.add_argument("--threads", nargs="+", type=int, default=[1])
    parser.add_argument("--pairs", type=int, default=20)
    parser.add_argument("--runs", type=int, default=5, help="timed runs inside each process")
    opt = parser.parse_args()
    share = busy_share(2.0)
    if share > 0.15:
        print(f"the machine is busy ({share:.0%} of its cores); times would mean nothing, try again later", file=sys.stderr)
        return 1
    print("| case | batch | threads | peer, ms | MoEscope, ms | ratio | 95 % interval |\n|---|---|---|---|---|---|---|")
    for case in opt.cases:
        for threads in opt.threads:
            for batch in opt.batch:
                common = ["--cases", case, "--batch", str(batch), "--threads", str(threads), "--runs", str(opt.runs), "--warmup", "2"]
                ours, peer = [os.path.normpath(opt.cli), "bench", "--json", *common], [*shlex.split(opt.peer), *common]
                seen: dict[str, list[float]] = {"ours": [], "peer": []}
                for pair in range(opt.pairs):
                    for side in ("ours", "peer") if pair % 2 == 0 else ("peer", "ours"):
                        seen[side].append(observe(ours if side == "ours" else peer))
                ratios = [p / o for p, o in zip(seen["peer"], seen["ours"])]
                low, high = interval(ratios)
                print(f"| {case} | {batch} | {threads} | {statistics.median(seen['peer']):.0f} | {statistics.median(seen['ours']):.0f} | "
                      f"{statistics.median(ratios):.2f} | {low:.2f} - {high:.2f} |", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
