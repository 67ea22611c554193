#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes a checkpoint of each released shape in turn, measures what opening, loading, running and unloading it take, deletes it,
and prints a table.

    measure_released.py BUILD_FOLDER SCRATCH_FOLDER [SIZE ...] [--full SIZE] [--bf16 SIZE] [--log FILE]

`moescope-cli info` is timed as a process, first with the file out of the system's cache, then again; the rest is what the program
model_memory prints (build both: cmake --build --preset release --target moescope-cli model_memory). Files are sparse, their unused
members zeros, except those named with --full. Needs torch and numpy, and room for the largest file (3B: 13 GB)."""

import argparse
import json
import os
import shutil
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import make_released_checkpoint as maker  # noqa: E402


def checkpoint_file(folder):
    return next(os.path.join(root, f) for root, _, files in os.walk(folder) for f in files if f.endswith((".pt", ".pth")))


def evict(path):
    descriptor = os.open(path, os.O_RDONLY)
    os.fsync(descriptor)
    os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
    os.close(descriptor)


def timed(command):
    start = time.monotonic()
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True)
    return time.monotonic() - start, done


def measure(build, size, folder, storage):
    path = checkpoint_file(folder)
    row = {"size": size, "storage": storage, "fileBytes": os.stat(path).st_size, "diskBytes": os.stat(path).st_blocks * 512}
    info = [os.path.join(build, "app", "moescope-cli"), "info", folder]
    evict(path)
    row["infoCold"], _ = timed(info)
    row["infoWarm"], done = timed(info)
    row["infoStatus"] = done.returncode
    command = [os.path.join(build, "tests", "bench", "model_memory"), "--cold", folder]
    if storage == "bf16":
        command.append("--bf16")
    _, done = timed(command)
    row.update(json.loads(done.stdout) if done.stdout else {"inside": False})
    return row


HEAD = ("| model | file GB | info cold / warm s | load s (CPU s) | packed MB | limit MB | peak loading MB | peak running MB (of it run) | "
        "unloaded / closed MB | file pages MB | forward s | cancel forward / load, worst ms | inside |\n|" + "---|" * 13)


def line(row):
    mb = lambda bytes_: f"{bytes_ / 1e6:.1f}"  # noqa: E731
    a = row.get("anonymous")
    if not a:
        return f"| {row['size']} {row['storage']} | failed |"
    return (f"| {row['size']} {row['storage']} | {row['fileBytes'] / 1e9:.2f} | {row['infoCold']:.3f} / {row['infoWarm']:.3f} | "
            f"{row['loadSeconds']:.1f} ({row['loadCpuSeconds']:.1f}) | {mb(row['packedBytes'])} | {mb(row['limitBytes'])} | "
            f"{mb(a['peakLoading'])} | {mb(a['peakRunning'])} ({mb(row['activationBytes'])}) | {mb(a['unloaded'])} / {mb(a['closed'])} | "
            f"{mb(row['filePeakLoading'])} | {row['forwardSeconds']:.2f} | {row['forwardCancel'].get('worstMs', -1):.1f} / "
            f"{row['loadCancel'].get('worstMs', -1):.1f} | {'yes' if row['inside'] else 'NO: ' + '; '.join(row['outside'])} |")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build")
    parser.add_argument("scratch")
    parser.add_argument("sizes", nargs="*", default=[])
    parser.add_argument("--full", action="append", default=[], help="write every member of this size, optimizer included")
    parser.add_argument("--bf16", action="append", default=[], help="measure this size in 16-bit storage, too")
    parser.add_argument("--log", help="append every measurement to this file as a line of JSON")
    options = parser.parse_args()
    print(HEAD, flush=True)
    inside = True
    for size in options.sizes or [*maker.DSMOE, *maker.JIT]:
        folder = os.path.join(options.scratch, size)
        try:
            # A process of its own, so that the writer's memory is gone when the reader is measured.
            how = ["--optimizer"] if size in options.full else ["--sparse"]
            subprocess.run([sys.executable, os.path.join(HERE, "make_released_checkpoint.py"), size, folder, *how], check=True)
            for storage in ["f32"] + (["bf16"] if size in options.bf16 else []):
                row = measure(options.build, size, folder, storage)
                inside &= row["inside"]
                print(line(row), flush=True)
                if options.log:
                    with open(options.log, "a") as log:
                        log.write(json.dumps(row) + "\n")
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    return 0 if inside else 1


if __name__ == "__main__":
    sys.exit(main())
