"""Seconds of a training step of the same network in plain PyTorch; needs PyTorch alone.

python workflow/steps_torch.py FILTERS ROWS COLUMNS BATCH STEPS THREADS bfloat16|float32 compiled|eager

Prints one JSON object: the version of PyTorch, and the median seconds of a step, with channels last, or why it failed.
"""

import json
import statistics
import sys
import time

import torch
import torch.nn.functional as F
from torch import nn


def block(channels, width):
    layers = []
    for i in range(3):
        layers += [nn.Conv2d(width if i else channels, width, 3, padding=1), nn.BatchNorm2d(width, eps=1e-3), nn.ReLU()]
    return nn.Sequential(*layers)


class UNet(nn.Module):
    """As sarco/method/unet.py."""

    def __init__(self, filters, depth=4):
        super().__init__()
        widths = [filters * 2**level for level in range(depth + 1)]
        self.down = nn.ModuleList(block(a, b) for a, b in zip([1, *widths], widths, strict=False))
        self.up = nn.ModuleList(block(a + b, a) for a, b in zip(widths[-2::-1], widths[:0:-1], strict=True))
        self.muscle = nn.Conv2d(filters, 1, 1)

    def forward(self, x):
        skips = []
        for level in self.down[:-1]:
            x = level(x)
            skips.append(x)
            x = F.max_pool2d(x, 2)
        x = self.down[-1](x)
        for level in self.up:
            x = level(torch.cat([skips.pop(), F.interpolate(x, scale_factor=2.0, mode="nearest")], 1))
        return torch.sigmoid(self.muscle(x).float())


def seconds(filters, shape, batch, steps, half, compiled):
    torch.manual_seed(0)
    network = UNet(filters).to(memory_format=torch.channels_last)
    optimiser = torch.optim.Adam(network.parameters(), 1e-3)
    x = torch.rand(batch, 1, *shape).to(memory_format=torch.channels_last)
    y = (torch.rand(batch, 1, *shape) > 0.8).float()

    def loss():
        with torch.autocast("cpu", torch.bfloat16, enabled=half):
            p = network(x)
        overlap = (p * y).sum((1, 2, 3))
        return 1 - ((2 * overlap + 1) / (p.sum((1, 2, 3)) + y.sum((1, 2, 3)) + 1)).mean()

    run, found = torch.compile(loss) if compiled else loss, []
    for _ in range(steps + 2):  # the first compile, and settle
        start = time.perf_counter()
        optimiser.zero_grad()
        run().backward()
        optimiser.step()
        found.append(time.perf_counter() - start)
    return statistics.median(found[2:])


if __name__ == "__main__":
    filters, rows, columns, batch, steps, threads = map(int, sys.argv[1:7])
    precision, how = sys.argv[7:]
    torch.set_num_threads(threads)
    said = {"version": torch.__version__}
    try:
        said["seconds"] = seconds(filters, (rows, columns), batch, steps, precision == "bfloat16", how == "compiled")
    except Exception as error:  # a machine without a C++ compiler cannot compile
        said["failed"] = f"failed: {type(error).__name__}"
    print(json.dumps(said))
