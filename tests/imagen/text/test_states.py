import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from imagen.text import TokenStates, collate, null_text


@given(st.lists(st.integers(1, 9), min_size=1, max_size=5))
def test_collate_keeps_every_state_and_masks_what_is_behind(lengths: list[int]) -> None:
    texts = [TokenStates(torch.randn(length, 3), 0) for length in lengths]
    states, mask = collate(texts)
    assert states.shape == (len(texts), max(lengths), 3)
    assert mask.sum(1).tolist() == lengths
    assert not states[~mask].any()
    for row, seen, text in zip(states, mask, texts, strict=True):
        assert torch.equal(row[seen], text.states)


def test_texts_of_different_encoders_or_none_are_refused() -> None:
    with pytest.raises(ValueError, match=r"2 with \[3, 4\]"):
        collate([null_text(3), null_text(4)])
    with pytest.raises(ValueError, match="got 0"):
        collate([])


def test_a_text_without_tokens_is_refused() -> None:
    with pytest.raises(ValueError, match=r"not \(0, 3\)"):
        TokenStates(torch.zeros(0, 3), 0)


def test_pooled_is_the_encoders_own_or_the_mean() -> None:
    states = torch.tensor([[1.0, 2.0], [3.0, 6.0]])
    assert TokenStates(states, 0).pooled.tolist() == [2.0, 4.0]
    assert TokenStates(states, 0, torch.ones(5)).pooled.tolist() == [1.0] * 5


def test_another_number_type_keeps_the_rest() -> None:
    text = TokenStates(torch.full((2, 3), 1 / 3), 7, torch.full((4,), 1 / 3)).to(torch.bfloat16)
    assert text.states.dtype == text.pooled.dtype == torch.bfloat16
    assert text.truncated == 7
