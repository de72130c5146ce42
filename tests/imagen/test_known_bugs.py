"""Bugs that public Imagen codes have or had, one test each on the code that runs here.

The modules' own tests go further into each; this is the register.
"""

import copy
import inspect
import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from imagen.cascade import load_cascade
from imagen.guidance import classifier_free
from imagen.layers import LogSNREmbedding
from imagen.lowres import aug_log_snr, augment, condition, shrink, to_signed, to_uint8
from imagen.samplers import SAMPLERS, make_sampler
from imagen.schedule import LIMIT, PREDICTIONS, SCHEDULES, diffuse, target, time_grid, to_x0
from imagen.stage import Stage, StageSettings, stage_noise
from imagen.text import MiniLM, TokenStates, find_encoder, load_encoder
from imagen.thresholding import dynamic_threshold, static_threshold
from imagen.training.config import TrainConfig
from imagen.training.objective import batch_loss, draw

QUIET = StageSettings(1.0, 2, thresholding="none")
SMALL = torch.randint(0, 256, (1, 3, 16, 16), generator=torch.Generator().manual_seed(4)).to(torch.uint8)


@pytest.fixture(scope="module")
def text(minilm: MiniLM) -> TokenStates:
    return minilm.encode(["a red car on a blue street"])[0]


def seen_by(stage: Stage, run: Callable[[], object]) -> list[tuple[tuple[Tensor, ...], dict[str, Tensor]]]:
    """Positional and named arguments of every call of the stage's network while `run` runs."""
    seen: list[tuple[tuple[Tensor, ...], dict[str, Tensor]]] = []
    handle = stage.unet.register_forward_pre_hook(
        lambda _, args, kwargs: seen.append((args, kwargs)), with_kwargs=True
    )
    try:
        run()
    finally:
        handle.remove()
    return seen


# Thresholding


def test_percentile_axis_is_the_sample() -> None:
    """Over C, H, W of each sample: not the whole batch, where one bright sample dims all, nor a channel."""
    scales = torch.tensor([5.0, 1.0, 1.0, 1.0]).view(4, 1, 1, 1)
    batch = scales * torch.randn((4, 3, 32, 32), generator=torch.Generator().manual_seed(0))
    for i in range(4):
        assert torch.equal(dynamic_threshold(batch)[i], dynamic_threshold(batch[i : i + 1])[0])
    hues = torch.tensor([4.0, 2.0, 1.0]).view(1, 3, 1, 1).expand(1, 3, 8, 8)
    assert torch.allclose(dynamic_threshold(hues)[0, :, 0, 0], torch.tensor([1.0, 0.5, 0.25]))


def test_percentile_scale_is_0_to_100_and_s_is_at_least_one() -> None:
    """0.995 on the scale of 100 would take nearly the smallest value, so that s = 1 clips."""
    x = torch.linspace(-3, 3, 3 * 40 * 40).view(1, 3, 40, 40)
    assert float(dynamic_threshold(x, 99.5).abs().max()) == 1
    assert float(dynamic_threshold(x, 99.5)[0, 0, 0].abs().min()) > 0.96
    assert torch.equal(dynamic_threshold(x, 0.995), static_threshold(x))
    assert torch.equal(dynamic_threshold(x / 6), x / 6)


def test_the_default_cap_does_not_make_dynamic_thresholding_static() -> None:
    x = torch.linspace(-3, 3, 3 * 40 * 40).view(1, 3, 40, 40)
    assert inspect.signature(dynamic_threshold).parameters["cap"].default is None
    assert StageSettings(2.0, 4).threshold_cap is None
    assert not torch.equal(dynamic_threshold(x), static_threshold(x))
    assert torch.equal(dynamic_threshold(x, 99.5, 1.0), static_threshold(x))


def test_percentile_is_a_nearest_rank_in_float32_at_any_size() -> None:
    """The order statistic at ceil(p * n), one element at most from a linear interpolation; no quantile."""
    x = torch.arange(1, 1001, dtype=torch.float32).view(1, 1, 10, 100)
    assert float(dynamic_threshold(x, 99.45).min()) == pytest.approx(1 / 995)
    assert abs(995 - float(torch.quantile(x, 0.9945))) < 1
    big = torch.zeros(1, 1, 4097, 4096)
    big[..., :50] = 2
    assert float(dynamic_threshold(big, 99.5).max()) == 1.0
    half = (3 * torch.randn(1, 3, 8, 8)).half()
    assert torch.equal(dynamic_threshold(half), dynamic_threshold(half.float()).half())


@pytest.mark.parametrize("sampler", ["ddim", "heun", "dpm++2m", "ancestral"])
def test_order_guide_then_x0_then_threshold_then_noise_from_the_thresholded_x0(
    tiny_stages: dict[int, Stage], text: TokenStates, sampler: str
) -> None:
    """The second step's z, computed by hand from a guided and then thresholded x0."""
    unet, scale = copy.deepcopy(tiny_stages[16].unet), 100.0
    unet.head[2].weight.mul_(20)  # so that each half is beyond the range of pixels by itself
    stage = Stage(tiny_stages[16].config, unet, "cpu", torch.float32)
    settings = StageSettings(scale, 2, thresholding="dynamic", percentile=90.0, sampler=sampler)
    calls = seen_by(stage, lambda: stage.sample(text, 3, settings, None))
    (patches, level, *conditions), _ = calls[0]
    z = unet.from_patches(patches)
    with torch.inference_mode():
        x0 = to_x0(stage.unet(z, level, *conditions), z, level, "v")
        guided = classifier_free(x0[:1], x0[1:], scale)
        bounded = dynamic_threshold(guided, 90.0)
        too_early = dynamic_threshold(x0, 90.0)
        too_early = dynamic_threshold(classifier_free(too_early[:1], too_early[1:], scale), 90.0)
    (now, then) = time_grid(SCHEDULES["cosine"], 2)

    def step(x0: Tensor) -> Tensor:
        ends = [x0]
        visited: list[Tensor] = []

        def denoise(z: Tensor, _: float) -> Tensor:
            visited.append(z)
            return ends[0]

        noise = lambda i: stage_noise(3, 16, f"step {i}", (1, 3, 16, 16))  # noqa: E731
        make_sampler(sampler)(denoise, z[:1], [now, then], noise)
        return visited[1]

    second = unet.from_patches(calls[1][0][0][:1])
    assert torch.allclose(second, step(bounded), atol=1e-5)
    for wrong in (guided, too_early):
        assert not torch.allclose(second, step(wrong), atol=1e-2)


# Guidance


def test_guidance_weight_one_is_off_and_has_one_name(
    tiny_stages: dict[int, Stage], text: TokenStates
) -> None:
    """u + w (c - u), not (1 + w) c - w u; and no scale between 0 and 1 is silently ignored."""
    c, u = torch.randn(2, 1, 3, 8, 8)
    assert torch.allclose(classifier_free(c, u, 3.0), 3 * c - 2 * u, atol=1e-5)
    for scale, rows in ((1.0, 1), (0.5, 2), (0.0, 2), (3.0, 2)):
        settings = StageSettings(scale, 1)
        (call,) = seen_by(tiny_stages[16], lambda s=settings: tiny_stages[16].sample(text, 1, s, None))
        assert len(call[0][0]) == rows
    with pytest.raises(TypeError):
        StageSettings(cond_scale=3.0, steps=4)  # type: ignore[call-arg]


def test_guidance_space_is_x0_and_its_rule_is_recorded() -> None:
    """The same map in eps, v and x0, until thresholding: after it the spaces part, so one is fixed."""
    z, c, u = torch.randn((3, 1, 3, 8, 8), generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    level = torch.tensor([0.3], dtype=torch.float64)
    for prediction in PREDICTIONS:
        one, two = to_x0(c, z, level, prediction), to_x0(u, z, level, prediction)
        there = to_x0(classifier_free(c, u, 6.0), z, level, prediction)
        assert torch.allclose(classifier_free(one, two, 6.0), there)
    first = static_threshold(classifier_free(c, u, 6.0))
    assert not torch.allclose(classifier_free(static_threshold(c), static_threshold(u), 6.0), first)
    assert StageSettings(6.0, 4).guidance_rule == "classifier_free_x0"


def test_learned_variance_channels_are_not_guided_but_refused() -> None:
    z = torch.randn(2, 3, 8, 8)
    for prediction in PREDICTIONS:
        with pytest.raises(ValueError, match=r"gave \(2, 6, 8, 8\) where z is \(2, 3, 8, 8\)"):
            to_x0(torch.randn(2, 6, 8, 8), z, torch.zeros(2), prediction)


# Text


def test_null_text_is_one_zero_token_with_a_mask_of_its_own(
    tiny_stages: dict[int, Stage], text: TokenStates
) -> None:
    """As in training. The prompt's mask would make the number of its tokens a part of "no text"."""
    stage = tiny_stages[16]
    ((_, _, tokens, pooled, mask), _) = seen_by(
        stage, lambda: stage.sample(text, 1, StageSettings(3.0, 1), None)
    )[0]
    assert mask[0].all()
    assert mask[1].tolist() == [True] + [False] * (mask.shape[1] - 1)
    with torch.inference_mode():
        zero = torch.zeros(1, 1, text.states.shape[1])
        alone, alone_pooled = stage.unet.encode_text(zero, torch.ones(1, 1, dtype=torch.bool))
    assert torch.allclose(tokens[1, :1], alone[0], atol=1e-6)
    assert torch.allclose(pooled[1], alone_pooled[0], atol=1e-6)


def test_a_fully_masked_row_is_never_made_so_that_no_softmax_is_empty(
    tiny_stages: dict[int, Stage], text: TokenStates
) -> None:
    stage = tiny_stages[16]
    calls = seen_by(stage, lambda: stage.sample(text, 1, StageSettings(3.0, 2), None))
    for (_, _, tokens, pooled, mask), _ in calls:
        assert mask.any(1).all()
        assert torch.isfinite(tokens).all()
        assert torch.isfinite(pooled).all()


def test_prompts_are_not_cleaned(minilm: MiniLM) -> None:
    """Digits, hashes, addresses and other scripts reach the tokenizer as they are."""
    for ugly, cleaned in (("a sign #42", "a sign"), ("see https://a.b/c", "see"), ("红色的汽车", "")):
        one, two = minilm.encode([ugly, cleaned])
        assert one.states.shape[0] > two.states.shape[0]
        assert one.states.shape[0] == len(minilm.tokenizer(ugly)["input_ids"])


def test_t5_in_float16_is_refused(encoder_folders: dict[str, object]) -> None:
    files = find_encoder(f"t5:{encoder_folders['t5']}")
    with pytest.raises(ValueError, match="T5 overflows in float16"):
        load_encoder(files, dtype="float16")


# The objective


@pytest.mark.parametrize("log_snr", [-9.5, -3.0, 0.0, 2.5, 9.5])
def test_v_target_is_of_the_original_x0(log_snr: float) -> None:
    """alpha * eps - sigma * x0: x0 comes back from (z, v). A re-bound x0 would give another target."""
    x0, noise, guess = torch.randn(
        (3, 2, 3, 8, 8), generator=torch.Generator().manual_seed(2), dtype=torch.float64
    )
    level = torch.full((2,), log_snr, dtype=torch.float64)
    z, v = diffuse(x0, noise, level), target(x0, noise, level, "v")
    assert torch.allclose(to_x0(v, z, level, "v"), x0)
    assert not torch.allclose(to_x0(target(guess, noise, level, "v"), z, level, "v"), x0)


# The low-resolution condition


def test_aug_level_is_drawn_per_sample_and_told_as_it_is_used(tiny_stages: dict[int, Stage]) -> None:
    """In training: the network hears of each sample the very noise that its condition carries."""
    stage = tiny_stages[64]
    pictures = torch.full((8, 3, 64, 64), 128, dtype=torch.uint8)
    states = torch.randn(8, 4, 768, generator=torch.Generator().manual_seed(0))
    text = (states, torch.ones(8, 4, dtype=torch.bool))
    config = TrainConfig(1, batch=8)
    draws = draw(stage.config, config, 64, torch.Generator().manual_seed(1))
    with torch.no_grad():
        ((_, told),) = seen_by(
            stage, lambda: batch_loss(stage.unet, stage.config, config, pictures, text, draws)
        )
    told_sigma = torch.exp(-told["aug_log_snr"] / 2)
    assert len(set(told_sigma.tolist())) == 8
    used = torch.stack([row.std() for row in told["lowres"]])
    assert torch.corrcoef(torch.stack([used, told_sigma / (1 + told_sigma**2).sqrt()]))[0, 1] > 0.99


def test_aug_level_in_sampling_is_told_as_it_is_used_by_the_same_function(
    tiny_stages: dict[int, Stage], text: TokenStates
) -> None:
    stage = tiny_stages[64]
    settings = StageSettings(1.0, 1, aug_sigma=0.4)
    ((_, told),) = seen_by(stage, lambda: stage.sample(text, 9, settings, SMALL))
    sigma = torch.tensor([0.4])
    noise = stage_noise(9, 64, "augmentation", (1, 3, 16, 16))
    assert torch.equal(stage.unet.from_patches(told["lowres"]), condition(SMALL, noise, sigma, 64))
    assert torch.equal(told["aug_log_snr"], aug_log_snr(sigma))


def test_aug_noise_is_put_on_once_before_the_loop_and_alike_for_both_halves(
    tiny_stages: dict[int, Stage], text: TokenStates
) -> None:
    """Not anew in every step, and not another one for the unconditional half."""
    stage = tiny_stages[64]
    settings = StageSettings(3.0, 4, aug_sigma=0.4)
    calls = seen_by(stage, lambda: stage.sample(text, 9, settings, SMALL))
    assert len(calls) == 4
    for _, told in calls:
        assert torch.equal(told["lowres"], calls[0][1]["lowres"])
        assert torch.equal(told["lowres"][0], told["lowres"][1])


def test_aug_level_zero_is_an_exact_no_op() -> None:
    x, noise = to_signed(SMALL), torch.randn(1, 3, 16, 16)
    assert torch.equal(augment(x, noise, torch.zeros(1)), x)
    assert torch.equal(
        condition(SMALL, noise, torch.zeros(1), 64), condition(SMALL, 0 * noise, torch.zeros(1), 64)
    )
    assert torch.isfinite(aug_log_snr(torch.zeros(1))).all()


def test_noise_comes_after_the_map_to_signed() -> None:
    """In [0, 1] the same noise would be twice as strong after the map, and the picture darker."""
    grey, noise = torch.full((1, 3, 64, 64), 128, dtype=torch.uint8), torch.randn(1, 3, 64, 64)
    got = condition(grey, noise, torch.tensor([0.5]), 64)
    assert float(got.std()) == pytest.approx(0.5 / math.sqrt(1.25), rel=0.05)


def test_the_low_resolution_pair_takes_the_path_of_a_stages_output() -> None:
    """Area averages in 8 bits, as a stage gives them: antialiased, never outside the range of pixels."""
    stripes = torch.zeros((1, 3, 64, 64), dtype=torch.uint8)
    stripes[..., ::2] = 255
    small = shrink(stripes, 4)
    assert small.dtype == torch.uint8
    assert set(small.flatten().tolist()) <= {127, 128}
    edges = (255 * (SMALL > 127)).to(torch.uint8)
    shown = condition(edges, torch.zeros(1, 3, 16, 16), torch.zeros(1), 64)
    assert float(shown.abs().max()) <= 1 + 1e-6
    assert torch.equal(to_uint8(to_signed(small)), small)


def test_a_centred_dot_stays_centred_through_condition() -> None:
    """Half-pixel centres: pixel p of the small picture covers pixels 4 p to 4 p + 3 of the large one."""
    for row, column in ((3, 12), (8, 8), (14, 1)):
        small = torch.zeros((1, 3, 16, 16), dtype=torch.uint8)
        small[..., row, column] = 255
        big = condition(small, torch.zeros(1, 3, 16, 16), torch.zeros(1), 64)[0, 0] + 1
        where = torch.arange(64.0)
        centre = (big.sum(1) @ where / big.sum(), big.sum(0) @ where / big.sum())
        assert [float(x) for x in centre] == pytest.approx([4 * row + 1.5, 4 * column + 1.5], abs=0.05)


def test_a_dot_stays_where_it_is_through_the_super_resolution_stage(minilm: MiniLM) -> None:
    """The trained stage, off centre, where a half-pixel mismatch or aligned corners would show."""
    stage = load_cascade("mini", 256).stages[1]
    settings = StageSettings(1.0, 2, thresholding="static")
    where = torch.arange(256.0)
    for row, column in ((20, 44), (31, 31)):
        small = torch.full((1, 3, 64, 64), 255, dtype=torch.uint8)
        small[..., row : row + 2, column : column + 2] = 0
        x0 = stage.sample(minilm.encode(["a black dot on a white wall"])[0], 0, settings, small)
        dark = (1 - x0[0].mean(0)).clamp(min=0)
        dark = dark * (dark > 0.5 * dark.max())
        centre = (dark.sum(1) @ where / dark.sum(), dark.sum(0) @ where / dark.sum())
        assert [float(x) for x in centre] == pytest.approx([4 * row + 3.5, 4 * column + 3.5], abs=0.75)


# Solvers


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_log_snr_is_clipped_near_minus_five_in_lambda(schedule: str) -> None:
    """lambda is half the log-SNR. Unclipped, the cosine schedule ends at alpha = 0."""
    ends = SCHEDULES[schedule](torch.tensor([0.0, 1.0], dtype=torch.float64))
    assert float(ends[1]) / 2 == pytest.approx(-5.0, abs=0.2)
    assert float(ends.abs().max()) <= LIMIT + 1e-9
    z = torch.randn(1, 3, 8, 8)
    for name in SAMPLERS:
        for steps in (1, 2, 25):
            grid = time_grid(SCHEDULES[schedule], steps)
            out = SAMPLERS[name](lambda z, _: z.clamp(-1, 1), z, grid, lambda _: torch.ones_like(z))
            assert torch.isfinite(out).all()


@pytest.mark.parametrize("name", SAMPLERS)
@pytest.mark.parametrize("steps", [1, 2, 5, 10])
def test_the_last_step_is_first_order_to_sigma_zero(name: str, steps: int) -> None:
    """From the last z straight to its x0: no extrapolation over earlier predictions, no noise left."""
    last: list[Tensor] = []

    def erratic(z: Tensor, log_snr: float) -> Tensor:
        last.append(torch.full_like(z, math.sin(37 * log_snr)))
        return last[-1]

    z = torch.randn(1, 3, 4, 4)
    out = SAMPLERS[name](erratic, z, time_grid(SCHEDULES["cosine"], steps), lambda _: torch.ones_like(z))
    assert torch.equal(out, last[-1])


# Numbers


def test_time_embedding_is_in_float32_under_half_precision() -> None:
    """In bfloat16 levels 0.01 apart would be one level."""
    embedding = LogSNREmbedding(32)
    levels = torch.tensor([6.00, 6.01])
    with torch.no_grad():
        full = embedding(levels)
        with torch.autocast("cpu", torch.bfloat16):
            half = embedding(levels)
        halved = embedding.bfloat16()(levels)
    assert torch.equal(full, half)
    for embedded in (half, halved):
        assert embedded.dtype == torch.float32
        assert not torch.equal(embedded[0], embedded[1])


def test_schedule_arithmetic_and_pictures_are_float32_under_half_precision(
    tiny_stages: dict[int, Stage], text: TokenStates
) -> None:
    full = tiny_stages[16]
    half = Stage(full.config, full.unet, "cpu", torch.bfloat16)
    for (z, level, *_), _ in seen_by(half, lambda: half.sample(text, 1, StageSettings(3.0, 3), None)):
        assert (z.dtype, level.dtype) == (torch.float32, torch.float32)
    assert half.sample(text, 1, StageSettings(3.0, 3), None).dtype == torch.float32


def test_attention_survives_scores_that_overflow_half_precision(
    tiny_stages: dict[int, Stage], text: TokenStates
) -> None:
    """Softmax in float32, and an eps in every norm: a constant picture has no variance."""
    stage = tiny_stages[16]
    for module in stage.unet.modules():
        if isinstance(module, torch.nn.GroupNorm | torch.nn.LayerNorm):
            assert module.eps >= 1e-6
    query, key = 3e3 * torch.ones(1, 1, 4, 8), 3e3 * torch.ones(1, 1, 4, 8)
    with torch.autocast("cpu", torch.bfloat16):
        out = torch.nn.functional.scaled_dot_product_attention(query, key, torch.ones(1, 1, 4, 8))
        flat = stage.unet(
            torch.zeros(1, 3, 16, 16),
            torch.zeros(1),
            *stage.unet.encode_text(text.states[None], torch.ones(1, len(text.states), dtype=torch.bool)),
            torch.ones(1, len(text.states), dtype=torch.bool),
        )
    assert torch.allclose(out.float(), torch.ones(1, 1, 4, 8), atol=1e-2)
    assert torch.isfinite(flat).all()


def test_nothing_is_changed_in_place(tiny_stages: dict[int, Stage], text: TokenStates) -> None:
    """No tensor of a caller's is written to; torch counts each tensor's in-place changes."""
    x, z, noise = torch.randn(3, 2, 3, 8, 8)
    level = torch.tensor([0.5, -0.5])
    kept = [value.clone() for value in (x, z, noise, level)]
    for prediction in PREDICTIONS:
        to_x0(x, z, level, prediction)
        target(x, noise, level, prediction)
    diffuse(x, noise, level)
    dynamic_threshold(x)
    static_threshold(x)
    classifier_free(x, z, 3.0)
    augment(x, noise, torch.ones(2))
    for name in SAMPLERS:
        grid = time_grid(SCHEDULES["cosine"], 4)
        SAMPLERS[name](lambda z, _: z.clamp(-1, 1), z, grid, lambda _: noise)
    small = SMALL.clone()
    tiny_stages[64].sample(text, 1, StageSettings(2.0, 2, aug_sigma=0.2), small)
    for value, before in zip((x, z, noise, level, small), [*kept, SMALL], strict=True):
        assert value._version == 0
        assert torch.equal(value, before)


def test_eight_bits_are_rounded_not_truncated() -> None:
    levels = torch.arange(256, dtype=torch.uint8)
    assert torch.equal(to_uint8(to_signed(levels)), levels)
    assert torch.equal(to_uint8(to_signed(levels) + 0.9 / 255), levels)
    assert torch.equal(to_uint8(to_signed(levels) - 0.9 / 255), levels)


def test_each_stage_has_noise_of_its_own_from_one_seed() -> None:
    """One seed restarted for every stage would give them the same noise, enlarged or cut."""
    shape = (1, 3, 16, 16)
    noises = [
        stage_noise(5, stage, purpose, shape)
        for stage in (64, 256, 1024)
        for purpose in ("start", "augmentation", "step 0", "step 1")
    ]
    correlations = torch.corrcoef(torch.stack([noise.flatten() for noise in noises])) - torch.eye(12)
    assert float(correlations.abs().max()) < 0.15


def test_the_global_random_state_is_neither_used_nor_moved(
    tiny_stages: dict[int, Stage], text: TokenStates
) -> None:
    settings = StageSettings(2.0, 3, sampler="ancestral", stochasticity=1.0)
    torch.manual_seed(1)
    before = torch.get_rng_state()
    one = tiny_stages[16].sample(text, 7, settings, None)
    assert torch.equal(before, torch.get_rng_state())
    torch.manual_seed(2)
    assert torch.equal(one, tiny_stages[16].sample(text, 7, settings, None))
