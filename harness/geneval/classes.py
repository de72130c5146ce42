"""The 80 classes that GenEval's prompts name: COCO's, three of them in longer words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

_NAMES = (
    "airplane|apple|backpack|banana|baseball bat|baseball glove|bear|bed|bench|bicycle|bird|boat|book|"
    "bottle|bowl|broccoli|bus|cake|car|carrot|cat|cell phone|chair|clock|computer keyboard|"
    "computer mouse|couch|cow|cup|dining table|dog|donut|elephant|fire hydrant|fork|frisbee|giraffe|"
    "hair drier|handbag|horse|hot dog|kite|knife|laptop|microwave|motorcycle|orange|oven|parking meter|"
    "person|pizza|potted plant|refrigerator|sandwich|scissors|sheep|sink|skateboard|skis|snowboard|"
    "spoon|sports ball|stop sign|suitcase|surfboard|teddy bear|tennis racket|tie|toaster|toilet|"
    "toothbrush|traffic light|train|truck|tv|tv remote|umbrella|vase|wine glass|zebra"
)
CLASSES = tuple(_NAMES.split("|"))

_OTHER_NAMES = {
    "mouse": "computer mouse",
    "remote": "tv remote",
    "keyboard": "computer keyboard",
    "aeroplane": "airplane",
    "motorbike": "motorcycle",
    "sofa": "couch",
    "pottedplant": "potted plant",
    "diningtable": "dining table",
    "tvmonitor": "tv",
    "hair dryer": "hair drier",
}


def in_geneval_words(names: Mapping[int, str]) -> dict[int, str]:
    """A detector's class names by number, in the words of GenEval's prompts where it has one for them."""
    return {int(number): _OTHER_NAMES.get(name, name) for number, name in names.items()}


def unknown_classes(names: Iterable[str]) -> list[str]:
    """GenEval's classes that are not among these names: a detector without them would find none of them."""
    return sorted(set(CLASSES) - set(names))
