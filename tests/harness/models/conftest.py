"""Real diffusers pipelines of the smallest sizes, with random weights, saved as folders."""

from __future__ import annotations

import string
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest


def clip_tokenizer() -> Any:
    """CLIP's tokenizer over single letters."""
    from transformers import CLIPTokenizer

    signs = string.ascii_lowercase + string.digits
    tokens = [*signs, *(f"{sign}</w>" for sign in signs), "<|startoftext|>", "<|endoftext|>"]
    return CLIPTokenizer(vocab={t: i for i, t in enumerate(tokens)}, merges=[], model_max_length=77)


def t5_tokenizer() -> Any:
    """T5's tokenizer over single letters."""
    from transformers import T5TokenizerFast

    pieces = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), ("▁", -2.0)]
    pieces += [(sign, -3.0) for sign in string.ascii_lowercase + string.digits]
    return T5TokenizerFast(vocab=pieces, extra_ids=0, model_max_length=77)


def clip_text(projection: int | None = None) -> Any:
    """CLIP's text tower, 32 wide; with a projection where one is asked for."""
    from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

    config = CLIPTextConfig(
        vocab_size=80,
        hidden_size=32,
        intermediate_size=37,
        num_attention_heads=4,
        num_hidden_layers=2,
        max_position_embeddings=77,
        bos_token_id=72,
        eos_token_id=73,
        pad_token_id=73,
        projection_dim=projection or 32,
    )
    return CLIPTextModelWithProjection(config) if projection else CLIPTextModel(config)


def t5_text() -> Any:
    """T5's encoder, 32 wide."""
    from transformers import T5Config, T5EncoderModel

    return T5EncoderModel(
        T5Config(
            vocab_size=80, d_model=32, d_kv=8, d_ff=37, num_layers=2, num_heads=4, decoder_start_token_id=0
        )
    )


def autoencoder(**more: Any) -> Any:
    """A VAE that halves each side once."""
    from diffusers import AutoencoderKL

    sizes: dict[str, Any] = {
        "block_out_channels": (16, 32),
        "in_channels": 3,
        "out_channels": 3,
        "down_block_types": ("DownEncoderBlock2D",) * 2,
        "up_block_types": ("UpDecoderBlock2D",) * 2,
        "latent_channels": 4,
        "norm_num_groups": 4,
    }
    return AutoencoderKL(**{**sizes, **more})


def conditional_unet(**more: Any) -> Any:
    """A U-Net with cross attention to 32 wide states."""
    from diffusers import UNet2DConditionModel

    sizes: dict[str, Any] = {
        "block_out_channels": (8, 16),
        "layers_per_block": 1,
        "sample_size": 16,
        "in_channels": 4,
        "out_channels": 4,
        "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D"),
        "up_block_types": ("CrossAttnUpBlock2D", "UpBlock2D"),
        "cross_attention_dim": 32,
        "attention_head_dim": 4,
        "norm_num_groups": 4,
    }
    return UNet2DConditionModel(**{**sizes, **more})


def safety_checker() -> Any:
    """The Stable Diffusion safety checker, which flags everything: all its thresholds are at -2."""
    import torch
    from diffusers.pipelines.stable_diffusion.safety_checker import StableDiffusionSafetyChecker
    from transformers import CLIPConfig, CLIPTextConfig, CLIPVisionConfig

    vision = CLIPVisionConfig(
        hidden_size=16, intermediate_size=16, num_hidden_layers=1, num_attention_heads=2, image_size=32,
        patch_size=16, projection_dim=8,
    )  # fmt: skip
    text = CLIPTextConfig(
        vocab_size=8, hidden_size=16, intermediate_size=16, num_hidden_layers=1, num_attention_heads=2,
        projection_dim=8, bos_token_id=0, eos_token_id=1, pad_token_id=1,
    )  # fmt: skip
    config = CLIPConfig(vision_config=vision.to_dict(), text_config=text.to_dict(), projection_dim=8)
    checker = StableDiffusionSafetyChecker(config)
    for name in ("concept_embeds_weights", "special_care_embeds_weights"):
        with torch.no_grad():
            getattr(checker, name).fill_(-2.0)
    return checker


def _stable_diffusion(checked: bool = False) -> Any:
    from diffusers import DDIMScheduler, StableDiffusionPipeline
    from transformers import CLIPImageProcessor

    processor = CLIPImageProcessor(size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32})
    return StableDiffusionPipeline(
        vae=autoencoder(),
        text_encoder=clip_text(),
        tokenizer=clip_tokenizer(),
        unet=conditional_unet(),
        scheduler=DDIMScheduler(
            beta_start=0.00085,
            beta_end=0.012,
            beta_schedule="scaled_linear",
            clip_sample=False,
            steps_offset=1,
        ),
        safety_checker=safety_checker() if checked else None,
        feature_extractor=processor if checked else None,
        requires_safety_checker=checked,
    )


def _sdxl() -> Any:
    from diffusers import EulerDiscreteScheduler, StableDiffusionXLPipeline

    unet = conditional_unet(
        attention_head_dim=(2, 4),
        use_linear_projection=True,
        addition_embed_type="text_time",
        addition_time_embed_dim=8,
        transformer_layers_per_block=(1, 2),
        projection_class_embeddings_input_dim=80,
        cross_attention_dim=64,
    )
    return StableDiffusionXLPipeline(
        vae=autoencoder(),
        text_encoder=clip_text(),
        text_encoder_2=clip_text(32),
        tokenizer=clip_tokenizer(),
        tokenizer_2=clip_tokenizer(),
        unet=unet,
        scheduler=EulerDiscreteScheduler(
            beta_start=0.00085, beta_end=0.012, steps_offset=1, beta_schedule="scaled_linear"
        ),
    )


def _sd3() -> Any:
    from diffusers import FlowMatchEulerDiscreteScheduler, SD3Transformer2DModel, StableDiffusion3Pipeline

    return StableDiffusion3Pipeline(
        transformer=SD3Transformer2DModel(
            sample_size=16,
            patch_size=1,
            in_channels=4,
            num_layers=1,
            attention_head_dim=8,
            num_attention_heads=4,
            caption_projection_dim=32,
            joint_attention_dim=32,
            pooled_projection_dim=64,
            out_channels=4,
        ),
        scheduler=FlowMatchEulerDiscreteScheduler(),
        vae=autoencoder(use_quant_conv=False, use_post_quant_conv=False, shift_factor=0.06),
        text_encoder=clip_text(32),
        tokenizer=clip_tokenizer(),
        text_encoder_2=clip_text(32),
        tokenizer_2=clip_tokenizer(),
        text_encoder_3=t5_text(),
        tokenizer_3=t5_tokenizer(),
    )


def _flux() -> Any:
    from diffusers import FlowMatchEulerDiscreteScheduler, FluxPipeline, FluxTransformer2DModel

    return FluxPipeline(
        transformer=FluxTransformer2DModel(
            patch_size=1,
            in_channels=4,
            num_layers=1,
            num_single_layers=1,
            attention_head_dim=16,
            num_attention_heads=2,
            joint_attention_dim=32,
            pooled_projection_dim=32,
            axes_dims_rope=[4, 4, 8],
            guidance_embeds=True,
        ),
        scheduler=FlowMatchEulerDiscreteScheduler(),
        vae=autoencoder(
            latent_channels=1, use_quant_conv=False, use_post_quant_conv=False, shift_factor=0.06,
            scaling_factor=1.5,
        ),
        text_encoder=clip_text(),
        tokenizer=clip_tokenizer(),
        text_encoder_2=t5_text(),
        tokenizer_2=t5_tokenizer(),
    )  # fmt: skip


def _pixel_unet(**more: Any) -> Any:
    sizes = {"in_channels": 3, "sample_size": 32, **more}
    return conditional_unet(
        block_out_channels=(32, 64),
        layers_per_block=1,
        out_channels=6,
        down_block_types=("ResnetDownsampleBlock2D", "SimpleCrossAttnDownBlock2D"),
        mid_block_type="UNetMidBlock2DSimpleCrossAttn",
        up_block_types=("SimpleCrossAttnUpBlock2D", "ResnetUpsampleBlock2D"),
        attention_head_dim=4,
        encoder_hid_dim=32,
        encoder_hid_dim_type="text_proj",
        addition_embed_type="text",
        addition_embed_type_num_heads=2,
        cross_attention_norm="group_norm",
        resnet_time_scale_shift="scale_shift",
        act_fn="gelu",
        norm_num_groups=8,
        **sizes,
    )


def _if_scheduler() -> Any:
    from diffusers import DDPMScheduler

    return DDPMScheduler(
        num_train_timesteps=1000,
        beta_schedule="squaredcos_cap_v2",
        thresholding=True,
        dynamic_thresholding_ratio=0.95,
        sample_max_value=1.0,
        prediction_type="epsilon",
        variance_type="learned_range",
    )


def _if(second: bool = False) -> Any:
    from diffusers import DDPMScheduler, IFPipeline, IFSuperResolutionPipeline

    parts = {
        "text_encoder": t5_text(),
        "tokenizer": t5_tokenizer(),
        "scheduler": _if_scheduler(),
        "safety_checker": None,
        "feature_extractor": None,
        "watermarker": None,
        "requires_safety_checker": False,
    }
    if not second:
        return IFPipeline(unet=_pixel_unet(), **parts)
    unet = _pixel_unet(class_embed_type="timestep", in_channels=6, sample_size=64)
    noising = DDPMScheduler(num_train_timesteps=1000, beta_schedule="squaredcos_cap_v2")
    return IFSuperResolutionPipeline(unet=unet, image_noising_scheduler=noising, **parts)


def _ldm() -> Any:
    from diffusers import DDIMScheduler, LDMTextToImagePipeline
    from diffusers.pipelines.latent_diffusion.pipeline_latent_diffusion import LDMBertConfig, LDMBertModel

    bert = LDMBertModel(
        LDMBertConfig(
            vocab_size=80, d_model=32, encoder_layers=1, encoder_ffn_dim=32, encoder_attention_heads=4,
            head_dim=8, max_position_embeddings=77, pad_token_id=0,
        )
    )  # fmt: skip
    return LDMTextToImagePipeline(
        vqvae=autoencoder(
            block_out_channels=(8,) * 4,
            down_block_types=("DownEncoderBlock2D",) * 4,
            up_block_types=("UpDecoderBlock2D",) * 4,
        ), bert=bert, tokenizer=clip_tokenizer(), unet=conditional_unet(),
        scheduler=DDIMScheduler(clip_sample=False, steps_offset=1),
    )  # fmt: skip


BUILDERS: dict[str, Callable[[], Any]] = {
    "sd": _stable_diffusion,
    "sd-checked": lambda: _stable_diffusion(checked=True),
    "sdxl": _sdxl,
    "sd3": _sd3,
    "flux": _flux,
    "if": _if,
    "if-256": lambda: _if(second=True),
    "ldm": _ldm,
}


@pytest.fixture(scope="session")
def pipeline_folder(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Builds and saves a tiny pipeline of a kind, once; gives its folder."""
    import torch

    root = tmp_path_factory.mktemp("pipelines")

    def folder(kind: str) -> Path:
        path = root / kind
        if not path.exists():
            torch.manual_seed(0)
            BUILDERS[kind]().save_pretrained(path)
        return path

    return folder
