"""A verdict's files in one folder: what a pipeline keeps, shows and comments with."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from harness.atomic import write_atomic, writing_to
from harness.manifest import to_json
from harness.regression.judge import Judged, Opened
from harness.regression.junit import junit_xml
from harness.regression.markdown import comment_markdown, summary_markdown
from harness.regression.page import verdict_html
from harness.regression.small_pictures import small_picture
from harness.regression.verdict import Verdict
from harness.regression.verdict_json import verdict_json
from harness.regression.verdict_text import verdict_text
from harness.regression.worst import WorstPrompt

FILES = ("verdict.json", "verdict.xml", "verdict.html", "verdict.txt", "comment.md", "summary.md")
PICTURES = "worst"
_PAGE_SIDE = 320
_SUFFIXES = {".png", ".jpg", ".jpeg", ".webp"}


def write_verdict(judged: Judged, out: Path, url: str = "") -> Verdict:
    """Writes FILES and the worst prompts' pictures into `out`; returns the verdict with the pictures' places.

    verdict.json is written last: where it is there, all of them are. `url` is the address that `out` will be
    served from, for the pictures in Markdown. Raises InputError where it cannot be written.
    """
    with writing_to(out):
        (out / PICTURES).mkdir(parents=True, exist_ok=True)
        (out / "verdict.json").unlink(missing_ok=True)
        for old in (out / PICTURES).iterdir():
            old.unlink()
        thumbnails: dict[tuple[str, int, str], bytes] = {}
        worst = []
        for rank, entry in enumerate(judged.verdict.worst, start=1):
            pictures = {}
            for side, opened in (("baseline", judged.baseline), ("candidate", judged.candidate)):
                found = None if opened is None else _picture(opened, entry)
                if found is None:
                    continue
                data, suffix, small = found
                name = f"{PICTURES}/{rank}-{_safe(entry.prompt_id)}-{entry.index}-{side}{suffix}"
                write_atomic(out / name, data)
                pictures[side] = name
                thumbnails[entry.prompt_id, entry.index, side] = small
            worst.append(replace(entry, pictures=pictures))
        verdict = replace(judged.verdict, worst=tuple(worst))
        for name, data in _files(verdict, thumbnails, url).items():
            write_atomic(out / name, data)
    return verdict


def _files(verdict: Verdict, thumbnails: Mapping[tuple[str, int, str], bytes], url: str) -> dict[str, bytes]:
    return {
        "verdict.xml": junit_xml(verdict),
        "verdict.html": verdict_html(verdict, thumbnails),
        "verdict.txt": _bytes(verdict_text(verdict) + "\n"),
        "comment.md": _bytes(comment_markdown(verdict, url)),
        "summary.md": _bytes(summary_markdown(verdict, url)),
        "verdict.json": to_json(verdict_json(verdict)),
    }


def _picture(opened: Opened, entry: WorstPrompt) -> tuple[bytes, str, bytes] | None:
    """A sample's file with its suffix, and a small copy; of a kept run the small copy alone."""
    if opened.kept is not None:
        kept = opened.kept.thumbnails.get((entry.prompt_id, entry.index))
        return None if kept is None else (kept, ".webp", kept)
    for sample in opened.view.samples:
        if (sample.prompt_id, sample.index) != (entry.prompt_id, entry.index):
            continue
        path, picture = opened.view.picture_path(sample), opened.view.picture(sample)
        if path is None or picture is None:
            return None
        suffix = path.suffix.lower()
        data = (opened.view.folder / path).read_bytes()
        small = small_picture(picture, _PAGE_SIDE)
        return (data, suffix, small) if suffix in _SUFFIXES else (small, ".webp", small)
    return None


def _safe(name: str) -> str:
    """A prompt's id as a part of a file's name on any system."""
    return re.sub(r"[^A-Za-z0-9._-]", "_", name)[:60]


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "replace")
