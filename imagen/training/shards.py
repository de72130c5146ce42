"""WebDataset shards: tar files in which neighbouring files of one name make a sample.

Read with the standard library. The `webdataset` package and `datasets`' loader of such files stop at, or pass
over, a sample that lacks a part; here it must be counted.
"""

from __future__ import annotations

import re
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from imagen.training.tally import Tally

_RANGE: Final = re.compile(r"\{(\d+)\.\.(\d+)\}")


def expand(pattern: str) -> list[str]:
    """Files that a pattern with `{000..123}` and `*` names, in order. What a range names may be missing."""
    found = _RANGE.search(pattern)
    if found is None:
        if not re.search(r"[*?\[]", pattern):
            return [pattern]
        path = Path(pattern)
        return sorted(str(p) for p in Path(path.anchor).glob(str(path.relative_to(path.anchor))))
    first, last = found.groups()
    numbers = range(int(first), int(last) + 1)
    parts = [f"{pattern[: found.start()]}{n:0{len(first)}}{pattern[found.end() :]}" for n in numbers]
    return [path for part in parts for path in expand(part)]


def samples(path: str, tally: Tally) -> Iterator[tuple[str, dict[str, bytes]]]:
    """Samples of one shard: its name, and content by extension in lower case.

    A shard that breaks off is noted as one broken entry after the samples that could be read.
    """
    name, files = "", dict[str, bytes]()
    try:
        with tarfile.open(path, "r|*") as tar:
            for member in tar:
                if not member.isfile():
                    continue
                folder, slash, base = member.name.rpartition("/")
                stem, _, extension = base.partition(".")
                if folder + slash + stem != name:
                    if files:
                        yield f"{path}/{name}", files
                    name, files = folder + slash + stem, {}
                content = tar.extractfile(member)
                files[extension.lower()] = content.read() if content else b""
        if path.endswith(".tar") and not _closed(Path(path)):
            raise tarfile.ReadError("no end of archive")
    except (tarfile.TarError, OSError, EOFError) as error:
        tally.note_broken(path, f"the shard breaks off: {error}")
        return
    if files:
        yield f"{path}/{name}", files


def _closed(path: Path) -> bool:
    """Whether a tar file ends with the empty block that its writer put there. `tarfile` does not mind."""
    with path.open("rb") as file:
        file.seek(-min(tarfile.BLOCKSIZE, path.stat().st_size), 2)
        return not any(file.read())
