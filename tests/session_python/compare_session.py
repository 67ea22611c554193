# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads the session that the engine wrote with the reader that users get, and compares with what the engine printed."""
import subprocess
import sys
import tempfile
from pathlib import Path

try:
    import numpy  # noqa: F401
except ImportError:
    print("SKIPPED: this python3 has no numpy")
    sys.exit(0)

writer, reader = sys.argv[1:]
sys.path.insert(0, reader)
from read_session import Session  # noqa: E402


def number(value):
    """Shortest text; whole numbers without a point, as the engine prints them."""
    return f"{float(value):.9g}"


def join(values):
    return " ".join(number(v) for v in values)


def lines_of(run):
    for record in run.tensors["routing.records"]:
        evaluation, branch, layer = int(record[0]), ("cond", "uncond")[record[1]], int(record[3])
        counts, mass = run.counts(evaluation, branch, layer), run.mass(evaluation, branch, layer)
        yield f"{evaluation} {branch} {layer} counts {join(counts.ravel())} mass {join(mass.ravel())}"
        experts, gates, row_ptr = run.routing(evaluation, branch, layer)
        for token in range(len(row_ptr) - 1):
            pairs = slice(row_ptr[token], row_ptr[token + 1])
            yield f"token {token} experts {join(experts[pairs])} gates {join(gates[pairs])}"
    for info in run.evaluations:
        velocity = run.tensors["latents.velocity"][info["index"]]
        preview = run.tensors["previews"][info["index"]]
        yield (f"evaluation {info['index']} timestep {number(info['timestep'])} velocity {join(velocity.ravel())} "
               f"preview {join(preview.ravel())}")
    for image, picture in run.pictures.items():
        yield f"picture {image} {join(picture.ravel())}"


with tempfile.TemporaryDirectory() as folder:
    path = Path(folder) / "sample.moescope"
    printed = subprocess.run([writer, path], check=True, capture_output=True, text=True).stdout.splitlines()
    read = list(lines_of(Session(path)))

if len(printed) < 50:
    sys.exit(f"the engine printed only {len(printed)} lines")
for ours, theirs in zip(read, printed):
    if ours.split() != theirs.split():
        sys.exit(f"engine: {theirs}\npython: {ours}")
if len(read) != len(printed):
    sys.exit(f"engine: {len(printed)} lines, python: {len(read)}")
print(f"{len(read)} lines agree")
