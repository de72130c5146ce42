"""How noise levels weigh in the loss: functions of SNR that multiply a squared error in x0.

With eps = (z - alpha x0) / sigma and v = alpha eps - sigma x0, a squared error in eps is SNR times that in
x0, and one in v is SNR + 1 times.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import torch
from torch import Tensor


def _capped_v(snr: Tensor, gamma: float) -> Tensor:
    """min(SNR + 1, gamma): the plain v loss with a cap.

    The cap keeps small networks from spending themselves on the last trace of noise, as in Hang et al.
    (2023), but unlike theirs it leaves the noisiest times, where a picture's layout is decided, at full
    weight.
    """
    return (snr + 1).clamp(max=gamma)


WEIGHTINGS: Final[dict[str, Callable[[Tensor, float], Tensor]]] = {
    "capped_v": _capped_v,
    "eps": lambda snr, gamma: snr,
    "v": lambda snr, gamma: snr + 1,
    "x0": lambda snr, gamma: torch.ones_like(snr),
    "min_snr": lambda snr, gamma: snr.clamp(max=gamma),
}
"""Weights of a squared error in x0. "eps", "v" and "x0" make it the plain squared error in those.

"min_snr" is Hang et al. (2023): min(SNR, gamma) here is min(SNR, gamma) / SNR on an error in eps, and
min(SNR, gamma) / (SNR + 1) on one in v.
"""


def loss_weight(log_snr: Tensor, weighting: str, gamma: float) -> Tensor:
    """The weight of a squared error in x0 at each log-SNR, of the same shape."""
    return WEIGHTINGS[weighting](log_snr.exp(), gamma)
