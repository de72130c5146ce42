"""What a metric is: a function over features, with a direction and an identity. Per picture or per set."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from drawbench.types import Prompt
from harness.moments import Moments
from harness.rows import Places, Rows, Vectors
from harness.stats import Interval
from harness.types import Direction


@dataclass(frozen=True)
class ReferenceFeatures:
    """Features of the reference pictures: extractor name -> (n, dim). `identity` names the pictures.

    `n` is how many they are, 0 where another tool's statistics do not say. `moments` maps an extractor's
    name to the sums over all its columns, where they are known already; a reference that is statistics alone
    has them and no `features`, or the features of a sample of the n pictures.
    """

    identity: str
    n: int
    features: Mapping[str, Rows]
    moments: Mapping[str, Moments] = field(default_factory=dict)


@dataclass(frozen=True)
class Inputs:
    """All that metrics may look at, for n pictures in one order.

    `features` maps an image extractor's name to (n, dim), `observations` an image observer's to one JSON
    value a picture. `captions` holds each picture's prompt, `metas` what the bench knows about it
    (`Prompt.meta`), `clusters` (n,) a number for each prompt. `embed(name, texts)` gives vectors of a text
    extractor, (len(texts), dim); `judge(name, texts)` the numbers (n,) that a pair judge gives the pictures
    with these n texts. `identities` maps every extractor used to its identity, a text extractor's under
    "text:<name>". `file_type` names how the pictures were stored ("png"), as lossy files move the scores.
    `bench_texts` are the texts of all of the bench's prompts, those without a picture too.
    """

    features: Mapping[str, Rows]
    captions: Sequence[str]
    clusters: NDArray[np.intp]
    identities: Mapping[str, str]
    embed: Callable[[str, Sequence[str]], Vectors]
    reference: ReferenceFeatures | None = None
    file_type: str = "png"
    seed: int = 0
    metas: Sequence[Mapping[str, Any]] = ()
    observations: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    judge: Callable[[str, Sequence[str]], Vectors] | None = None
    bench_texts: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Estimate:
    """The value of a whole-set metric with its interval, and remarks that people must see beside it.

    `curve` is what `Score.curve` says.
    """

    value: float
    interval: Interval
    notes: tuple[str, ...] = ()
    curve: Mapping[str, Any] | None = None


class Metric(Protocol):
    """What every metric says about itself. It is also a `PerImageMetric` or a `SetMetric`."""

    @property
    def name(self) -> str:
        """What the user calls it."""
        ...

    @property
    def direction(self) -> Direction:
        """Which way is better."""
        ...

    @property
    def image_extractors(self) -> tuple[str, ...]:
        """Names of the extractors that must look at the pictures."""
        ...

    @property
    def text_extractors(self) -> tuple[str, ...]:
        """Names of the extractors that `Inputs.embed` is asked for."""
        ...

    @property
    def needs_reference(self) -> bool:
        """Whether it compares with reference pictures."""
        ...

    @property
    def bounds(self) -> tuple[float, float] | None:
        """The least and the greatest value it can take; None where there are none."""
        ...

    def identity(self, inputs: Inputs) -> str:
        """`name[...]`: everything that computed the number. Unequal identities are not comparable."""
        ...


@runtime_checkable
class PerImageMetric(Metric, Protocol):
    """A metric that gives each picture its own number; the bench's score is their mean."""

    def per_image(self, inputs: Inputs) -> NDArray[np.float64]:
        """One value a picture, (n,); NaN where the metric does not apply to the picture."""
        ...


@runtime_checkable
class Selective(Protocol):
    """A metric that not every prompt can be judged by, such as one that looks at colours."""

    def unsuited(self, prompts: Sequence[Prompt]) -> str | None:
        """Why the metric cannot judge this bench's prompts, in one line, or None where it can."""
        ...

    def applies(self, prompt: Prompt) -> bool:
        """Whether a picture of the prompt can have a value. Only asked where suited."""
        ...


@runtime_checkable
class ChosenWhereSuited(Selective, Protocol):
    """A selective metric that is computed without being named wherever the prompts suit it."""

    @property
    def family(self) -> str:
        """The metric that stands for it and its kin where all of them are left out."""
        ...


@runtime_checkable
class Prefixes(Protocol):
    """A metric that puts words before each caption, which count towards the text encoder's length."""

    @property
    def prefix(self) -> str:
        """What goes before a caption, "" for nothing."""
        ...


@runtime_checkable
class Explains(Protocol):
    """A per-image metric that says why a picture has its value."""

    def reasons(self, inputs: Inputs) -> Sequence[str | None]:
        """One line for each picture, (n,); None where there is nothing to say."""
        ...


@runtime_checkable
class Observes(Protocol):
    """A metric that needs what image observers tell, under `Inputs.observations`."""

    @property
    def image_observers(self) -> tuple[str, ...]:
        """Names of the observers that must look at the pictures."""
        ...


@runtime_checkable
class JudgesPairs(Protocol):
    """A metric that asks pair judges through `Inputs.judge`."""

    @property
    def pair_judges(self) -> tuple[str, ...]:
        """Names of the judges that it asks."""
        ...


@runtime_checkable
class SetMetric(Metric, Protocol):
    """A metric that gives the pictures together one number, with an interval of its own making."""

    def whole_set(self, inputs: Inputs) -> Estimate:
        """The value over all n pictures. Raises ValueError where n is too small for it."""
        ...


@runtime_checkable
class OfSubsets(Protocol):
    """A whole-set metric that has prepared what its values over parts of the pictures share.

    Without it, a part costs as much as the whole, interval and all.
    """

    def of_subsets(self, inputs: Inputs) -> Callable[[Places], float]:
        """A function from places of pictures (rising) to the value over them, as `whole_set` has it."""
        ...


@runtime_checkable
class ReferenceRows(Protocol):
    """A metric that says whether it reads the reference's features picture by picture, so that sums over
    them do not serve it."""

    @property
    def needs_reference_rows(self) -> bool:
        """Whether it does."""
        ...


@dataclass(frozen=True, slots=True)
class Description:
    """A line about a metric for lists: its name, what it measures and what it needs."""

    name: str
    direction: Direction
    summary: str
    extractors: tuple[str, ...] = field(default=())


def describe(metric: Metric) -> Description:
    """A metric's line for lists: its own `summary`, or else the first line of its class's docstring."""
    first = next(iter((type(metric).__doc__ or "").strip().splitlines()), "")
    summary = str(getattr(metric, "summary", first))
    extractors = metric.image_extractors + metric.text_extractors
    return Description(metric.name, metric.direction, summary, extractors)
