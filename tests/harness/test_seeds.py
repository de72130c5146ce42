import hashlib

from hypothesis import given
from hypothesis import strategies as st

from harness.seeds import sample_seed

IDS = st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=1, max_size=20)


def test_the_rule_is_the_documented_one() -> None:
    digest = hashlib.sha256(b"7\0colors-03\x002").digest()
    assert sample_seed(7, "colors-03", 2) == int.from_bytes(digest[:8], "big") % 2**63


def test_values_never_change() -> None:
    """Runs made by earlier versions are resumed with these."""
    assert sample_seed(0, "a", 0) == 1531366545586710569
    assert sample_seed(0, "a", 1) == 3619887504908452804
    assert sample_seed(123, "colors-01", 7) == 5054635227264045163


@given(st.integers(0, 2**63 - 1), IDS, st.integers(0, 10**6), st.integers(0, 5))
def test_seeds_have_63_bits_and_repeat(run_seed: int, prompt_id: str, index: int, attempt: int) -> None:
    seed = sample_seed(run_seed, prompt_id, index, attempt)
    assert 0 <= seed < 2**63
    assert seed == sample_seed(run_seed, prompt_id, index, attempt)


def test_each_part_changes_the_seed() -> None:
    seeds = [
        sample_seed(run_seed, prompt_id, index, attempt)
        for run_seed in (0, 1, 11)
        for prompt_id in ("a", "b", "1")
        for index in (0, 1, 11)
        for attempt in (0, 1, 2)
    ]
    assert len(set(seeds)) == len(seeds)
