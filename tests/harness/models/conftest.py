"""What adapters are tried on: tiny diffusers pipelines with random weights, and a server that misbehaves."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import io
import json
import socket
import string
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

import pytest
from PIL import Image


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


def _pixart() -> Any:
    from diffusers import DDIMScheduler, PixArtAlphaPipeline, PixArtTransformer2DModel

    return PixArtAlphaPipeline(
        transformer=PixArtTransformer2DModel(
            sample_size=16,
            num_layers=1,
            patch_size=2,
            attention_head_dim=8,
            num_attention_heads=3,
            caption_channels=32,
            in_channels=4,
            cross_attention_dim=24,
            out_channels=8,
            attention_bias=True,
            activation_fn="gelu-approximate",
            num_embeds_ada_norm=1000,
            norm_type="ada_norm_single",
            norm_elementwise_affine=False,
            norm_eps=1e-6,
            use_additional_conditions=False,
        ),
        scheduler=DDIMScheduler(clip_sample=False, steps_offset=1),
        vae=autoencoder(),
        text_encoder=t5_text(),
        tokenizer=t5_tokenizer(),
    )


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
    "pixart": _pixart,
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


class ImageServer:
    """A real server on this machine that misbehaves as it is told, and writes down what it was asked.

    `script` maps a prompt to what happens on its first call, its second, and so on; "ok" after the last.
    `billed` counts the answers that a provider would want to be paid for, `drawn` the pictures by prompt.
    """

    def __init__(self, size: tuple[int, int] = (8, 8)) -> None:
        self.script: dict[str, list[str]] = {}
        self.calls: list[tuple[str, str, dict[str, str], dict[str, Any], float]] = []
        self.billed = 0
        self.most_at_once = 0
        self.size = size
        self.identity: dict[str, Any] | None = None
        self.closing = threading.Event()
        self._open = 0
        self._lock = threading.Lock()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *arguments: object) -> None:
                pass

            def do_GET(self) -> None:
                outer.get(self)

            def do_POST(self) -> None:
                outer.post(self)

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def close(self) -> None:
        self.closing.set()
        self._server.shutdown()
        self._server.server_close()

    def asked(self, prompt: str) -> int:
        return sum(body.get("prompt") == prompt for _, _, _, body, _ in self.calls)

    def get(self, handler: BaseHTTPRequestHandler) -> None:
        self.calls.append((handler.command, handler.path, dict(handler.headers), {}, time.monotonic()))
        if handler.path.startswith("/pictures/"):
            name, _, prompt = unquote(handler.path.removeprefix("/pictures/")).partition("/")
            if name == "flaky" and sum(path == handler.path for _, path, *_ in self.calls) == 1:
                return self.reply(handler, 503, b"")
            if name == "moved":
                return self.reply(handler, 302, b"", {"Location": f"/pictures/there/{quote(prompt)}"})
            if name == "gone":
                return self.reply(handler, 404, b"")
            return self.reply(handler, 200, png_of(prompt, self.size), {"Content-Type": "image/png"})
        if self.identity is None:
            return self.reply(handler, 404, b"")
        return self.reply(handler, 200, json.dumps({"identity": self.identity}).encode())

    def post(self, handler: BaseHTTPRequestHandler) -> None:
        body = json.loads(handler.rfile.read(int(handler.headers["Content-Length"])))
        prompt = body["prompt"]
        with self._lock:
            self._open += 1
            self.most_at_once = max(self.most_at_once, self._open)
            moment = time.monotonic()
            self.calls.append((handler.command, handler.path, dict(handler.headers), body, moment))
            steps, count = self.script.get(prompt, []), self.asked(prompt)
            step = steps[count - 1] if count <= len(steps) else "ok"
        try:
            self.act(step, prompt, handler)
        finally:
            with self._lock:
                self._open -= 1

    def act(self, step: str, prompt: str, handler: BaseHTTPRequestHandler) -> None:
        errors = {
            "refuse": (400, "content_policy_violation", "Your request was rejected by our safety system."),
            "too long": (400, "string_above_max_length", "the prompt is too long"),
            "key": (401, "invalid_api_key", f"Incorrect key: {handler.headers.get('Authorization')}"),
            "model": (404, "model_not_found", "no such model"),
            "quota": (429, "insufficient_quota", "you exceeded your quota"),
            "busy": (429, "rate_limit_exceeded", "slow down"),
            "broken": (500, "", "an error on our side"),
            "down": (503, "", "overloaded"),
        }
        if step in errors:
            status, code, message = errors[step]
            content = json.dumps({"error": {"code": code, "message": message}}).encode()
            return self.reply(handler, status, content, {"Retry-After": "0.2"} if step == "busy" else {})
        if step == "size":
            error = {"code": "invalid_value", "message": "bad size", "param": "size"}
            return self.reply(handler, 400, json.dumps({"error": error}).encode())
        if step == "redirect":
            return self.reply(handler, 302, b"", {"Location": "/elsewhere"})
        if step == "hang":
            self.closing.wait(20)
            handler.close_connection = True
            return None
        if step == "reset":
            handler.close_connection = True
            handler.connection.shutdown(socket.SHUT_RDWR)
            return None
        with self._lock:
            self.billed += 1
        return self.pay(step, prompt, handler)

    def pay(self, step: str, prompt: str, handler: BaseHTTPRequestHandler) -> None:
        """The answers of status 200."""
        content = self.content(step, prompt, handler)
        if step in ("drop", "drip"):
            handler.send_response(200)
            handler.send_header("Content-Length", str(len(content)))
            handler.end_headers()
            for byte in content[: len(content) // 2]:
                if step == "drip" and self.closing.wait(0.05):
                    break
                try:
                    handler.wfile.write(bytes([byte]))
                except OSError:
                    break
            handler.close_connection = True
            return None
        kind = "image/png" if step.startswith("file") else "application/json"
        return self.reply(handler, 200, content, {"Content-Type": kind})

    def content(self, step: str, prompt: str, handler: BaseHTTPRequestHandler) -> bytes:
        picture = base64.b64encode(png_of(prompt, self.size)).decode()
        here = f"{self.url}/pictures"
        openai = "/images/generations" in handler.path
        if step == "file":
            return png_of(prompt, self.size)
        if step == "file broken":
            return png_of(prompt, self.size)[:40]
        if step == "garbage":
            return b"<html>it works!</html>"
        if step == "nothing":
            return b'{"data": []}'
        if step in ("flagged", "odd"):
            failure = {"flagged": "filtered", "odd": "shy"}[step]
            return json.dumps({"failure": failure, "reason": "not today", "cost": 0.5}).encode()
        entries = {
            "large": [{"b64_json": base64.b64encode(png_of(prompt, (16, 16))).decode()}],
            "two": [{"b64_json": picture}, {"b64_json": picture}],
            "rewritten": [{"b64_json": picture, "revised_prompt": "a nicer picture"}],
            "no base64": [{"b64_json": "!!!"}],
            "no picture": [{"b64_json": base64.b64encode(b"text").decode()}],
            "address": [{"url": f"{here}/there/{quote(prompt)}"}],
            "data address": [{"url": f"data:image/png;base64,{picture}"}],
            "flaky address": [{"url": f"{here}/flaky/{quote(prompt)}"}],
            "moved address": [{"url": f"{here}/moved/{quote(prompt)}"}],
            "gone address": [{"url": f"{here}/gone/{quote(prompt)}"}],
            "file address": [{"url": "file:///etc/hostname"}],
        }.get(step, [{"b64_json": picture}])
        if openai:
            usage = {"input_tokens": 10, "output_tokens": 1000, "cost": 0.25}
            return json.dumps({"data": entries, "usage": usage}).encode()
        first = entries[0].get("b64_json", picture)
        return json.dumps({"image": first, "notes": ["drawn by hand"], "cost": 0.5}).encode()

    @staticmethod
    def reply(
        handler: BaseHTTPRequestHandler, status: int, content: bytes, headers: dict[str, str] | None = None
    ) -> None:
        with contextlib.suppress(OSError):
            handler.send_response(status)
            for name, value in {**(headers or {}), "Content-Length": str(len(content))}.items():
                handler.send_header(name, value)
            handler.end_headers()
            handler.wfile.write(content)


def colour_of(prompt: str) -> tuple[int, int, int]:
    """A colour of the prompt's own, never black."""
    digest = hashlib.sha256(prompt.encode()).digest()
    return digest[0] | 1, digest[1] | 64, digest[2]


def png_of(prompt: str, size: tuple[int, int]) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", size, colour_of(prompt)).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.fixture
def image_server(monkeypatch: pytest.MonkeyPatch) -> Iterator[ImageServer]:
    for variable in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(variable, raising=False)
    for variable in ("OPENAI_API_KEY", "OPENAI_BASE_URL"):
        monkeypatch.delenv(variable, raising=False)
    server = ImageServer()
    yield server
    server.close()


@pytest.fixture
def colour() -> Callable[[str], tuple[int, int, int]]:
    """The colour that the server gives a prompt."""
    return colour_of
