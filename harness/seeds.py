"""The seed of a sample: a function of run seed, prompt id and index alone."""

from __future__ import annotations

import hashlib

RULE = "first 8 bytes, top bit cleared, of sha256(run seed NUL prompt id NUL index [NUL attempt, if not 0])"


def sample_seed(run_seed: int, prompt_id: str, index: int, attempt: int = 0) -> int:
    """The seed, in [0, 2^63), of sample `index` of a prompt.

    Batch size, order, shard and engine do not enter. `attempt` is 0 but for a sample that failed and is
    drawn again with other noise. `prompt_id` holds no NUL character.
    """
    parts = [str(run_seed), prompt_id, str(index)]
    if attempt:
        parts.append(str(attempt))
    digest = hashlib.sha256("\0".join(parts).encode()).digest()
    return int.from_bytes(digest[:8], "big") & (2**63 - 1)
