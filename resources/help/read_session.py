# SPDX-License-Identifier: Apache-2.0
"""Reads MoEscope session files (*.moescope) with the standard library and numpy. Format: session-format.md.

    from read_session import Session
    run = Session("run.moescope")
    experts, gates, row_ptr = run.routing(evaluation=10, branch="cond", layer=3)
    first = experts[row_ptr[0]:row_ptr[1]]          # the experts of token 0

Nothing is loaded before it is asked for: arrays are views of the mapped file. From a shell:
`python3 read_session.py run.moescope` prints what the file holds."""
import json
import sys

import numpy as np

DTYPES = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "I64": "<i8", "I32": "<i4", "U32": "<u4", "U16": "<u2", "U8": "u1"}
BRANCHES = ("cond", "uncond")


class Session:
    def __init__(self, path):
        data = np.memmap(path, mode="r", dtype=np.uint8)
        start = 8 + int.from_bytes(data[:8].tobytes(), "little")
        header = json.loads(data[8:start].tobytes())
        metadata = header.pop("__metadata__", {})
        if metadata.get("schema") != "moescope.session/v1":
            raise ValueError(f"{path}: expected the schema moescope.session/v1, found {metadata.get('schema')}")
        self.manifest = json.loads(metadata["manifest"])
        self.tensors = {}
        for name, info in header.items():
            begin, end = (start + offset for offset in info["data_offsets"])
            self.tensors[name] = np.asarray(data[begin:end]).view(DTYPES[info["dtype"]]).reshape(info["shape"])
        self.images = self.manifest["images"]
        self.layers = self.manifest["layers"]
        self.evaluations = self.manifest["evaluations"]
        records = self.tensors["routing.records"]  # evaluation, branch, network, layer, pool
        self._number = {(int(r[0]), BRANCHES[r[1]], int(r[3])): i for i, r in enumerate(records)}

    @property
    def pictures(self):
        """Decoded pictures by image of the batch: {image: [height, width, 3] uint8}."""
        return dict(zip(self.manifest["picture_images"], self.tensors.get("pictures", ())))

    def tokens(self, layer):
        """Tokens of one image in this layer."""
        return sum(group["count"] for group in self.layers[layer]["token_groups"])

    def _part(self, tensor, column, count, evaluation, branch, layer):
        start = int(self.tensors["routing.index"][self._number[evaluation, branch, layer], column])
        return None if start < 0 else self.tensors[tensor][start:start + count]

    def counts(self, evaluation, branch, layer):
        """[images, experts] tokens received."""
        experts = self.layers[layer]["experts"]
        return self._part("routing.counts", 0, self.images * experts, evaluation, branch, layer).reshape(-1, experts)

    def mass(self, evaluation, branch, layer):
        """[images, experts] sum of gate weights."""
        experts = self.layers[layer]["experts"]
        return self._part("routing.mass", 0, self.images * experts, evaluation, branch, layer).reshape(-1, experts)

    def routing(self, evaluation, branch, layer):
        """(experts, gates, row_ptr): token t of the batch has experts[row_ptr[t]:row_ptr[t + 1]]. None: counts only."""
        place = (evaluation, branch, layer)
        row_ptr = self._part("routing.row_ptr", 1, self.images * self.tokens(layer) + 1, *place)
        if row_ptr is None:
            return None
        empty = {"routing.expert": np.empty(0, "<u2"), "routing.gate": np.empty(0, "<f4")}
        parts = [self.tensors.get(t, empty[t]) for t in empty]
        start = int(self.tensors["routing.index"][self._number[place], 2])
        return (*(part[start:start + int(row_ptr[-1])] for part in parts), row_ptr)


if __name__ == "__main__":
    run = Session(sys.argv[1])
    print(f"{run.manifest['model']['name']}: {run.images} image(s), {len(run.evaluations)} evaluations, {len(run.layers)} MoE layers")
    for tensor, array in run.tensors.items():
        print(f"  {tensor:20} {array.dtype} {list(array.shape)}")
