"""What a network runs on: torch, or OpenVINO on processors, where it is installed and gives the same numbers.

Either way a picture's features do not depend on the pictures beside it: OpenVINO is given them one by one, in
as many streams as there are threads, and torch always in batches of one size.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from importlib import import_module
from importlib.util import find_spec
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from harness.extractors.base import inference
from harness.rows import Vectors

EngineName = Literal["auto", "torch", "openvino"]
Pixels = NDArray[np.float32]
_CPU_BATCH = 4
_GPU_BATCH = 32
_MOST_STREAMS = 16
_AGREEMENT = 1e-5


class Engine(Protocol):
    """Runs a network. `name` says what it is, with its version."""

    name: str

    def run(self, batch: Sequence[Pixels]) -> Vectors:
        """The network's output (len(batch), d) for inputs (height, width, 3), each of them by itself."""
        ...


class TorchEngine:
    """A network on torch: `network` maps (n, 3, height, width) to (n, d) or (n, d, 1, 1).

    On a processor it is given batches of 4, the last one filled up, channels last, which is 1.4 times faster
    than one by one. The arithmetic for one picture is the same whatever the others are.
    """

    def __init__(self, network: Callable[[Any], Any], device: str = "cpu") -> None:
        import torch

        self.name = f"torch {torch.__version__}"
        self._network = network
        self._device = device

    def run(self, batch: Sequence[Pixels]) -> Vectors:
        """See Engine."""
        import torch

        size = _CPU_BATCH if self._device == "cpu" else _GPU_BATCH
        rows = []
        with inference(self._device):
            for start in range(0, len(batch), size):
                chosen = list(batch[start : start + size])
                filled = chosen + [chosen[-1]] * (size - len(chosen))
                pixels = torch.from_numpy(np.stack(filled)).to(self._device).permute(0, 3, 1, 2)
                rows.append(self._network(pixels).flatten(1).float().cpu().numpy()[: len(chosen)])
        return np.concatenate(rows)


class OpenVinoEngine:
    """A torch network compiled by OpenVINO, in fp32, for inputs (height, width, 3) of one size.

    Raises what OpenVINO raises where it cannot convert the network.
    """

    def __init__(self, network: Any, shape: tuple[int, int, int]) -> None:
        import torch

        openvino = import_module("openvino")
        frontends = import_module("openvino.frontend")
        decoders = import_module("openvino.frontend.pytorch.ts_decoder")
        self.name = f"openvino {openvino.__version__.partition('-')[0]}"
        height, width, channels = shape
        # openvino.convert_model does the same and reports its use over the network.
        with inference("cpu"), warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # torch announces the end of TorchScript
            frontend = frontends.FrontEndManager().load_by_framework("pytorch")
            example = (torch.zeros(1, channels, height, width),)
            decoder = decoders.TorchScriptPythonDecoder(network, example_input=example)
            model = frontend.convert(frontend.load(decoder))
        model.reshape([1, channels, height, width])
        steps = openvino.preprocess.PrePostProcessor(model)
        steps.input().tensor().set_layout(openvino.Layout("NHWC"))
        steps.input().model().set_layout(openvino.Layout("NCHW"))
        threads = torch.get_num_threads()
        settings = {
            "INFERENCE_PRECISION_HINT": "f32",  # processors with bf16 would use that
            "INFERENCE_NUM_THREADS": threads,
            "NUM_STREAMS": min(threads, _MOST_STREAMS),
        }
        compiled = openvino.Core().compile_model(steps.build(), "CPU", settings)
        self._queue = openvino.AsyncInferQueue(compiled, 2 * min(threads, _MOST_STREAMS))
        self._queue.set_callback(self._keep)
        self._rows: dict[int, Vectors] = {}

    def run(self, batch: Sequence[Pixels]) -> Vectors:
        """See Engine."""
        for place, pixels in enumerate(batch):
            self._queue.start_async({0: pixels[None]}, place)
        self._queue.wait_all()
        rows = np.stack([self._rows[place] for place in range(len(batch))])
        self._rows.clear()
        return rows

    def _keep(self, request: Any, place: int) -> None:
        self._rows[place] = request.get_output_tensor().data.astype(np.float32).reshape(-1)


def make_engine(
    network: Any,
    fast: Callable[[Any], Any],
    shape: tuple[int, int, int],
    device: str = "cpu",
    engine: EngineName = "auto",
) -> Engine:
    """The fastest engine that gives the numbers of `network` (a torch module) for inputs of `shape`.

    `fast` is the same network as torch runs it best. With "auto" OpenVINO is taken on a processor where it
    is installed, converts the network, and agrees with it on one input to 1e-5 of the largest value. Raises
    ValueError where "openvino" is asked for and one of these does not hold.
    """
    if engine == "torch" or (engine == "auto" and (device != "cpu" or not openvino_installed())):
        return TorchEngine(fast, device)
    try:
        compiled = OpenVinoEngine(network, shape)
        probe = np.random.default_rng(0).uniform(-1, 1, shape).astype(np.float32)
        expected = TorchEngine(network).run([probe])
        difference = float(np.abs(compiled.run([probe]) - expected).max() / np.abs(expected).max())
    except Exception as error:  # what a network that OpenVINO does not know makes it raise has no bounds
        if engine == "openvino":
            raise ValueError(f"OpenVINO cannot run this network: {error}") from error
        return TorchEngine(fast, device)
    if not difference <= _AGREEMENT:
        if engine == "openvino":
            raise ValueError(f"OpenVINO's numbers for this network differ from torch's by {difference:.1e}")
        return TorchEngine(fast, device)
    return compiled


def openvino_installed() -> bool:
    """Whether OpenVINO can be imported."""
    return find_spec("openvino") is not None
