"""Classifier-free guidance (Saharia et al. 2022, section 2.2)."""

from __future__ import annotations

from torch import Tensor


def classifier_free(conditional: Tensor, unconditional: Tensor, guidance_scale: float) -> Tensor:
    """w * conditional + (1 - w) * unconditional; w = 1 is off.

    Both are predictions at the same z, as x0, noise or v: these are affine in one another, so the rule is the
    same in each of the three spaces.
    """
    return unconditional + guidance_scale * (conditional - unconditional)
