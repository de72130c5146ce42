"""Which item of the design a page shows: over HTTP a simulated rater is told no more than any other."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from human_eval_app.studies.design import Item, StudyDesign


@dataclass(frozen=True, slots=True)
class Page:
    """An item as it stands on a page. `swapped`: arm b stands on the left."""

    item: Item
    swapped: bool


class PageReader:
    """Recognises pages by their pictures, with the design file at hand that no rater has."""

    def __init__(self, design: StudyDesign) -> None:
        self._items: dict[tuple[tuple[str, ...], ...], list[Item]] = defaultdict(list)
        for item in design.items:
            self._items[_sides(item)].append(item)

    def read(self, page: Mapping[str, Any]) -> Page:
        """The item that the JSON of an item shows.

        Raises LookupError where its pictures are no item's, or stand in another order than registered.
        """
        practice = page["role"] == "practice"  # controls look like every other page
        sides = tuple(tuple(picture["id"] for picture in side["pictures"]) for side in page["sides"])
        for swapped in (False, True):
            found = [
                item
                for item in self._items.get(sides[::-1] if swapped else sides, ())
                if (item.role == "practice") == practice and page.get("caption") in (item.caption, "", None)
            ]
            if found:
                return Page(found[0], swapped)
        raise LookupError(f"no item of the design shows {sides}")


def _sides(item: Item) -> tuple[tuple[str, ...], ...]:
    return tuple(arm.pictures for arm in item.arms)
