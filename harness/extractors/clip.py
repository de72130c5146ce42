"""CLIP through open_clip: pictures and captions to unit vectors in one space.

open_clip gives OpenAI's weights the plain GELU unless told otherwise, though they were trained with
QuickGELU; scores then come out wrong without an error. Here the activation follows the weights: from the tag,
from a known sha256, from the kind of OpenAI's own archives, and where nothing tells, the user must say it.
"""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from drawbench.errors import InputError
from harness.assets import ASSETS, Asset, AssetFile
from harness.decode import RgbImage
from harness.extractors.base import NeedsWeights, Setting, inference, micro_batch
from harness.rows import Vectors
from harness.weights import file_sha256, find

QUICK = "-quickgelu"
PLAIN = "-gelu"
_LOCAL = "local-dir:"

# Short names for the networks that published scores were computed with.
SHORT_NAMES = {
    "ViT-B/32": "ViT-B-32-quickgelu/openai",
    "ViT-B/16": "ViT-B-16-quickgelu/openai",
    "ViT-L/14": "ViT-L-14-quickgelu/openai",
    "ViT-L/14@336px": "ViT-L-14-336-quickgelu/openai",
    "ViT-H/14": "ViT-H-14/laion2b_s32b_b79k",
}


@dataclass(frozen=True, slots=True)
class ClipName:
    """What `Setting.clip_model` names: an architecture with a tag or a file, or a folder with a config."""

    model: str
    tag: str | None = None
    file: Path | None = None
    folder: Path | None = None

    @classmethod
    def parse(cls, text: str) -> ClipName:
        """Reads "MODEL/TAG", a name of `SHORT_NAMES`, "MODEL=FILE" or "local-dir:FOLDER".

        Raises InputError for anything else.
        """
        text = SHORT_NAMES.get(text, text)
        if text.startswith(_LOCAL):
            return cls(model=text, folder=Path(text.removeprefix(_LOCAL)).expanduser())
        model, equals, file = text.partition("=")
        if equals and model and file:
            return cls(model=model, file=Path(file).expanduser())
        model, slash, tag = text.partition("/")
        if slash and model and tag:
            return cls(model=model, tag=tag)
        raise InputError(
            f"CLIP model {text!r} is not understood; give {', '.join(SHORT_NAMES)}, open_clip's MODEL/TAG "
            f"(ViT-L-14-quickgelu/openai), MODEL=FILE or local-dir:FOLDER"
        )

    @property
    def base(self) -> str:
        """The architecture without a mark of the activation."""
        return self.model.removesuffix(QUICK).removesuffix(PLAIN)


class Clip:
    """A CLIP network of open_clip in fp32; vectors have length 1.

    `network` and `tokenizer` are open_clip's, `transform` maps a Pillow picture to the network's input. Texts
    longer than the context (77 tokens) are cut by open_clip's tokenizer, which keeps the end mark.
    """

    def __init__(
        self,
        identity: str,
        network: Any,
        transform: Any,
        tokenizer: Any,
        device: str = "cpu",
        name: str = "clip",
    ) -> None:
        self.name = name
        self.identity = self.text_identity = identity
        self._network = network.to(device).eval()
        self._transform = transform
        self._tokenizer = tokenizer
        self._device = device
        self.dim = self.text_dim = int(self.extract_texts(["a"]).shape[1])

    def extract_images(self, images: Sequence[RgbImage]) -> Vectors:
        """See ImageExtractor. float32 (n, dim), each row of length 1."""
        return self.extract_prepared([self.prepare(image) for image in images])

    def prepare(self, image: RgbImage) -> Vectors:
        """See Prepares. float32 (3, side, side)."""
        pixels: Vectors = self._transform(Image.fromarray(image)).numpy()
        return pixels

    def extract_prepared(self, batch: Sequence[NDArray[Any]]) -> Vectors:
        """See Prepares."""
        import torch

        size = micro_batch(self._device)
        rows = []
        with inference(self._device):
            for start in range(0, len(batch), size):
                pixels = torch.from_numpy(np.stack(batch[start : start + size]))
                features = self._network.encode_image(pixels.to(self._device), normalize=True)
                rows.append(features.float().cpu().numpy())
        return np.concatenate(rows) if rows else np.empty((0, self.dim), np.float32)

    def extract_texts(self, texts: Sequence[str]) -> Vectors:
        """See TextExtractor. float32 (n, dim), each row of length 1."""

        size = micro_batch(self._device)
        rows = []
        with inference(self._device):
            for start in range(0, len(texts), size):
                tokens = self._tokenizer(list(texts[start : start + size])).to(self._device)
                rows.append(self._network.encode_text(tokens, normalize=True).float().cpu().numpy())
        return np.concatenate(rows) if rows else np.empty((0, self.dim), np.float32)

    @property
    def image_side(self) -> int:
        """Width and height of the pictures that the network sees, in pixels."""
        size = self._network.visual.image_size
        return int(size[0] if isinstance(size, tuple | list) else size)

    def prepared_by(self, name: str, mark: str, transform: Any) -> Clip:
        """The same network behind another preprocessing: `mark` names it in the identity."""
        identity = f"{self.identity}|{mark}"
        return Clip(identity, self._network, transform, self._tokenizer, self._device, name)

    def is_truncated(self, text: str) -> bool:
        """Whether the text with its two marks is longer than the context (77 tokens for OpenAI's CLIP)."""
        encode = getattr(self._tokenizer, "encode", None)
        return encode is not None and len(encode(text)) + 2 > int(self._tokenizer.context_length)


@dataclass(frozen=True, slots=True)
class ClipNeeds:
    """What the CLIP network of the setting lacks: a `missing` of an ExtractorSpec."""

    def assets(self, setting: Setting) -> tuple[Asset, ...]:
        """The weights of MODEL/TAG; none for the user's own file or folder."""
        name = ClipName.parse(setting.clip_model)
        return (clip_asset(name),) if name.tag else ()

    def __call__(self, setting: Setting) -> str | None:
        """One line, or None where nothing is lacking."""
        name = ClipName.parse(setting.clip_model)
        if name.file:
            return None if name.file.is_file() else f"CLIP weights {name.file} are not a file"
        if name.folder:
            config = name.folder / "open_clip_config.json"
            return None if config.is_file() else f"{config} is not there; open_clip needs it"
        return NeedsWeights(self.assets)(setting)


missing = ClipNeeds()


def build(setting: Setting) -> Clip:
    """Builds the CLIP network of `setting.clip_model`. Raises InputError where that cannot be done."""
    name = ClipName.parse(setting.clip_model)
    try:
        if name.folder:
            return _from_folder(name, setting.device)
        if name.file:
            return _from_file(name, name.file, setting.device)
        return _from_tag(name, setting)
    except InputError:
        raise
    except Exception as error:  # what a file that is something else makes torch raise has no bounds
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        raise InputError(f"CLIP model {setting.clip_model} cannot be loaded: {reason}") from None


def clip_asset(name: ClipName) -> Asset:
    """The weights of MODEL/TAG: a known asset, or one made from open_clip's own list of weights."""
    known = ASSETS.get(f"clip-{name.base}-{name.tag}")
    if known:
        return known
    config = _tag_config(name)
    url, hub = str(config.get("url") or ""), str(config.get("hf_hub") or "")
    files = [AssetFile(Path(url).name, url=url, sha256=_sha256_in(url))] if url else []
    if hub:
        repository, _, file = hub.rpartition("/")
        shown = [file] if file else ["open_clip_model.safetensors", "open_clip_pytorch_model.bin"]
        files += [AssetFile(name_, hub=repository, generic=True) for name_ in shown]
    title = f"CLIP {name.base} with weights {name.tag}"
    return Asset(f"clip-{name.base}-{name.tag}", title, "see open_clip", tuple(files))


def _from_tag(name: ClipName, setting: Setting) -> Clip:
    config = _tag_config(name)
    quick = bool(config.get("quick_gelu", False))
    if name.model.endswith(QUICK) and not quick:
        raise InputError(
            f"weights {name.tag} were trained with plain GELU; name the model {name.base}/{name.tag}"
        )
    found = find(clip_asset(name), setting.weights)
    identity = f"{name.base}{QUICK if quick else ''}/{name.tag}"
    return _load(name.base, quick, found.path, identity, setting.device, config)


def _from_file(name: ClipName, file: Path, device: str) -> Clip:
    if not file.is_file():
        raise InputError(f"CLIP weights {file} are not a file")
    sha256 = file_sha256(file)
    known = next((a for a in ASSETS.values() for f in a.files if f.sha256 == sha256), None)
    if known and known.id.startswith("clip-") and known.id != f"clip-{name.base}-openai":
        raise InputError(f"{file} holds {known.title}, not {name.base}")
    if known or name.model.endswith(QUICK) or _is_openai_archive(file):
        quick = True
    elif name.model.endswith(PLAIN) or not _has_quick_variant(name.base):
        quick = False
    else:
        raise InputError(
            f"{file} does not tell which activation it was trained with; name the model {name.base}{QUICK} "
            f"(weights of OpenAI, MetaCLIP, DFN) or {name.base}{PLAIN} (most others)"
        )
    source = "openai" if known else f"sha256:{sha256[:12]}"
    return _load(name.base, quick, file, f"{name.base}{QUICK if quick else ''}/{source}", device, {})


def _from_folder(name: ClipName, device: str) -> Clip:
    import open_clip

    network, transform = open_clip.create_model_from_pretrained(name.model)
    assert name.folder is not None
    files = sorted(p for p in name.folder.iterdir() if p.suffix in {".json", ".safetensors", ".bin", ".pth"})
    digest = "+".join(file_sha256(file)[:8] for file in files)
    identity = f"local-dir/sha256:{digest}"
    return Clip(identity, network, transform, open_clip.get_tokenizer(name.model), device)


def _load(model: str, quick: bool, file: Path, identity: str, device: str, config: dict[str, Any]) -> Clip:
    """`config` is open_clip's entry for the tag; its mean, std and resizing apply where it has them."""
    import open_clip

    if _is_openai_archive(file):
        network = open_clip.load_openai_model(str(file), precision="fp32", device="cpu")
        transform = open_clip.image_transform(network.visual.image_size, is_train=False)
    else:
        network, transform = open_clip.create_model_from_pretrained(
            model,
            pretrained=str(file),
            force_quick_gelu=quick,
            image_mean=config.get("mean"),
            image_std=config.get("std"),
            image_interpolation=config.get("interpolation"),
            image_resize_mode=config.get("resize_mode"),
        )
    return Clip(identity, network, transform, open_clip.get_tokenizer(model), device)


def _tag_config(name: ClipName) -> dict[str, Any]:
    import open_clip

    config = open_clip.get_pretrained_cfg(name.base, name.tag)
    if not config:
        tags = open_clip.list_pretrained_tags_by_model(name.base)
        known = ", ".join(tags) if tags else "none; open_clip does not know that model"
        raise InputError(f"CLIP model {name.base} has no weights {name.tag!r}; it has: {known}")
    return dict(config)


def _has_quick_variant(model: str) -> bool:
    import open_clip

    return f"{model}{QUICK}" in open_clip.list_models()


def _sha256_in(url: str) -> str | None:
    """OpenAI's addresses carry the file's sha256 as a folder."""
    parent = url.split("/")[-2] if "openaipublic" in url else ""
    return parent if len(parent) == 64 else None


def _is_openai_archive(file: Path) -> bool:
    """Whether the file is a TorchScript archive: OpenAI publishes CLIP so, and nobody else does."""
    if not zipfile.is_zipfile(file):
        return False
    with zipfile.ZipFile(file) as archive:
        return any("/code/" in entry for entry in archive.namelist())
