"""Targets on the grid and the loss against them."""

from __future__ import annotations

import pytest
import torch

from harness.scenes_judge.labels import COLOUR_LABELS, KINDS
from harness.scenes_judge.network import GRID, INPUT, Detector, DetectorConfig, Raw
from harness.scenes_judge.targets import loss_of, make_targets

SMALL = DetectorConfig((4, 4, 8, 8, 8), 8)


def test_one_object_by_hand() -> None:
    box = [0.25, 0.5, 0.5, 0.75]
    kinds, colours = torch.tensor([[7, -1]]), torch.tensor([[2, 0]])
    targets = make_targets(kinds, colours, torch.tensor([[box, [0.0] * 4]]))
    assert torch.nonzero(targets.centres).tolist() == [[0, 7, 10, 6]]  # 0.375 and 0.625 of 16 cells
    assert float(targets.heat[0, 7, 10, 6]) == 1
    assert 0 < float(targets.heat[0, 7, 10, 7]) < 1
    assert float(targets.heat[0, :7].max()) == 0
    assert float(targets.weights[0, 10, 6]) == 1
    assert float(targets.weights[0, 0, 0]) == 0
    assert int(targets.colours[0, 10, 6]) == 2
    assert torch.equal(targets.colour_weights, targets.weights)
    unknown = make_targets(kinds, torch.tensor([[-1, 0]]), torch.tensor([[box, [0.0] * 4]]))
    assert float(unknown.colour_weights.max()) == 0
    assert torch.equal(unknown.weights, targets.weights)
    torch.testing.assert_close(targets.boxes[0, :, 10, 6], torch.tensor([-0.5, -0.5, 0.25, 0.25]))


def test_objects_whose_centre_is_outside_are_left_out() -> None:
    boxes = torch.tensor([[[0.9, 0.1, 1.2, 0.3]]])
    targets = make_targets(torch.tensor([[0]]), torch.tensor([[0]]), boxes)
    assert not targets.centres.any()
    assert float(targets.weights.max()) == 0


def test_the_loss_is_least_where_the_network_says_the_targets() -> None:
    boxes = torch.tensor([[[0.25, 0.5, 0.5, 0.75], [0.6, 0.1, 0.9, 0.4]]])
    targets = make_targets(torch.tensor([[7, 3]]), torch.tensor([[2, 9]]), boxes)
    right = Raw(
        torch.where(targets.centres, 9.0, -9.0),
        torch.nn.functional.one_hot(targets.colours, len(COLOUR_LABELS)).permute(0, 3, 1, 2) * 20.0,
        targets.boxes,
    )
    best, parts = loss_of(right, targets)
    assert float(best) < 0.01
    assert parts["boxes"] == 0
    blind = Raw(torch.full_like(right.kinds, -9.0), right.colours, right.boxes)
    assert loss_of(blind, targets)[1]["centres"] > 5
    elsewhere = Raw(torch.full_like(right.kinds, 9.0), right.colours, right.boxes)
    assert loss_of(elsewhere, targets)[1]["centres"] > 100
    pale = Raw(right.kinds, torch.zeros_like(right.colours), right.boxes)
    assert loss_of(pale, targets)[1]["colours"] == pytest.approx(2.398, abs=1e-3)  # ln 11


def test_the_network_covers_the_grid_and_a_step_lowers_its_loss() -> None:
    torch.manual_seed(0)
    network = Detector(SMALL)
    pictures = torch.rand(4, 3, INPUT, INPUT) * 2 - 1
    raw = network(pictures)
    assert raw.kinds.shape == (4, len(KINDS), GRID, GRID)
    assert raw.colours.shape == (4, len(COLOUR_LABELS), GRID, GRID)
    assert raw.boxes.shape == (4, 4, GRID, GRID)
    boxes = torch.tensor([[0.25, 0.5, 0.5, 0.75]]).repeat(4, 1, 1)
    targets = make_targets(torch.full((4, 1), 7), torch.full((4, 1), 2), boxes)
    optimiser = torch.optim.SGD(network.parameters(), 1e-2)
    losses = []
    for _ in range(5):
        loss, _ = loss_of(network(pictures), targets)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < losses[0]


@pytest.mark.parametrize("channels", [(8, 8), (8, 8, 8, 8, 0)])
def test_other_shapes_are_refused(channels: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="5 positive numbers"):
        DetectorConfig(channels)
