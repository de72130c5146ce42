"""A bench made from a published prompt list: the original one, or another that must say so."""

from __future__ import annotations

from drawbench.errors import InputError
from drawbench.types import Bench, Prompt


def known_list(
    name: str,
    title: str,
    file_name: str,
    prompts: tuple[Prompt, ...],
    source: str,
    *,
    digest: str,
    original: str,
    strict: bool,
) -> Bench:
    """The bench `name` of `prompts` found at `source`, whose list has the sha256 `digest`.

    Where that is not the `original` list's, the bench carries a notice; under `strict` it is an InputError,
    which asks for `file_name`. `title` is the list's name for people.
    """
    notices: tuple[str, ...] = ()
    if digest != original:
        problem = f"{source} is not the original {title} list ({len(prompts)} prompts)"
        if strict:
            raise InputError(f"{problem}; give the original {file_name}, or leave out --strict")
        notices = (f"NOTICE: {problem}; scores are not comparable with those on the original.",)
    return Bench(
        name=name,
        version=f"{'custom' if notices else 'original'}-{digest[:12]}",
        prompts=prompts,
        notices=notices,
        source=source,
    )
