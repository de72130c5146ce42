"""Inception weights that are random and saved, so that codes can be compared without FID's own weights.

    python benchmarks/random_inception.py FOLDER

writes the two files that the codes read, under the names that they expect, with the same weights in both:
pytorch-fid's state dict and a TorchScript archive of the shape that clean-fid loads. Distances made from them
mean nothing; that two codes find the same one does.
"""

from __future__ import annotations

import sys
import warnings
from pathlib import Path
from typing import Any
from unittest import mock

import torch
import torchvision
from torch import nn

STATE_NAME = "weights-inception-2015-12-05-6726825d.pth"
SCRIPT_NAME = "inception-2015-12-05.pt"


def random_state(seed: int = 0) -> dict[str, torch.Tensor]:
    """A state dict in which signals neither die nor grow, and batch norms do something."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        network = torchvision.models.Inception3(num_classes=1008, aux_logits=False, init_weights=False)
    random = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, nn.Conv2d):
                module.weight.normal_(0, (2 / module.weight[0].numel()) ** 0.5, generator=random)
            elif isinstance(module, nn.BatchNorm2d):
                module.weight.uniform_(0.9, 1.1, generator=random)
                module.bias.normal_(0, 0.1, generator=random)
                module.running_mean.normal_(0, 0.1, generator=random)
                module.running_var.uniform_(0.8, 1.2, generator=random)
        network.fc.weight.normal_(0, 0.1, generator=random)
        network.fc.bias.normal_(0, 0.1, generator=random)
    return dict(network.state_dict())


def clean_fids_network(state: dict[str, torch.Tensor]) -> nn.Module:
    """clean-fid's network for "legacy_pytorch" with these weights in the place of those it would fetch."""
    from cleanfid import inception_pytorch

    fetch = mock.patch.object(inception_pytorch, "load_state_dict_from_url", return_value=state)
    with fetch, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        network: nn.Module = inception_pytorch.InceptionV3(output_blocks=[3], resize_input=False)
    return network.eval()


class Archive(nn.Module):
    """Of the shape that clean-fid loads: `layers`, and a forward that resizes as TensorFlow 1 does."""

    def __init__(self, layers: nn.Module) -> None:
        super().__init__()
        self.layers = layers

    def forward(self, img: torch.Tensor, return_features: bool = False) -> torch.Tensor:
        """(n, 3, height, width) in 0..255 to (n, 2048)."""
        theta = torch.eye(2, 3)
        theta[0, 2] += theta[0, 0] / img.shape[3] - theta[0, 0] / 299
        theta[1, 2] += theta[1, 1] / img.shape[2] - theta[1, 1] / 299
        size = [img.shape[0], img.shape[1], 299, 299]
        grid = nn.functional.affine_grid(theta.unsqueeze(0).repeat([img.shape[0], 1, 1]), size, False)
        x = nn.functional.grid_sample(img.float(), grid, "bilinear", "border", False)
        return self.layers((x - 128) / 128).reshape(-1, 2048)


def write_weights(folder: Path, seed: int = 0) -> None:
    """Writes both files into a folder."""
    state = random_state(seed)
    torch.save(state, folder / STATE_NAME)
    blocks: Any = clean_fids_network(state).blocks
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.script(Archive(nn.Sequential(*blocks)).eval()).save(str(folder / SCRIPT_NAME))


if __name__ == "__main__":
    write_weights(Path(sys.argv[1]))
