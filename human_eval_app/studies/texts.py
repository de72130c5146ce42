"""What raters read before they begin, unless the researcher writes their own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from drawbench.errors import InputError
from human_eval_app.studies.questions import Kind

TITLES: Mapping[Kind, str] = {
    "realism": "Which image looks more real?",
    "alignment": "Does the caption fit the image?",
    "side_by_side": "Which set of images do you prefer?",
}

INSTRUCTIONS: Mapping[Kind, str] = {
    "realism": (
        "On each page you see two images. Decide which of them looks more like a real photograph. Look for "
        "things that could not be in a photograph, such as wrong shapes, smeared details or odd light. "
        "It does not matter which image you find prettier, or what it shows."
    ),
    "alignment": (
        "On each page you see one image and a caption. Decide whether the caption describes the image: "
        "all of it, some of it, or not at all. Look at the objects, their number, colours and places. It "
        "does not matter how good the image looks. Captions stand as they were written, mistakes included."
    ),
    "side_by_side": (
        "On each page you see two sets of images, made for one caption. First say which set is of higher "
        "quality, whatever the caption says. Then say which set as a whole represents the caption better, "
        "whatever its quality. If you see no difference, say that you are indifferent."
    ),
}
STRICT_NOTE = " If both look the same to you, choose as well as you can."
TIES_NOTE = " If you see no difference, say that you are indifferent."

CONSENT = (
    "Taking part is voluntary, and you may stop at any time by closing the page. We record your answers, the "
    "time each took, which browser you used, and the moment you agreed. We do not record your name. The "
    "answers may be published, without anything that tells who gave them. Some images may be strange or "
    "unpleasant; you can report and skip any page. If you have questions, ask the person who sent you the "
    "link."
)

_SHORTEST = 4
"""Model names of fewer letters, such as "A", are in every text."""


def instructions_for(kind: Kind, strict: bool) -> str:
    """The instructions of a kind of study."""
    if kind != "realism":
        return INSTRUCTIONS[kind]
    return INSTRUCTIONS[kind] + (STRICT_NOTE if strict else TIES_NOTE)


def check_tells_no_model(texts: Mapping[str, str], models: Iterable[str]) -> None:
    """Raises InputError where a text that raters are shown (name -> text) has a model's name in it.

    `texts` are the researcher's own: the suite's were written without knowing any model, so a model called
    "image" is told by none of them.
    """
    for model in models:
        for what, text in texts.items():
            if len(model) >= _SHORTEST and model.lower() in text.lower():
                raise InputError(
                    f"the {what} is shown to raters and names the model {model!r}; leave the name out, "
                    f"or give the model another one: NAME=RUN"
                )
