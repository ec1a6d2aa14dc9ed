"""Modules and labs, discovered from their folders.

A module is a folder ``modules/NN_slug`` that holds a built notebook
``slug.ipynb``; a lab is a folder ``labs/slug`` that holds one too. Everything
else that there is to know stands in that notebook's ``metadata.course``, which
the builder writes from the front matter of ``slug.py``. Nothing but the
standard library is needed to read it.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = ["CheckInfo", "Module", "find", "labs", "modules", "root"]

_ROOT = Path(__file__).resolve().parent.parent
_MODULE_FOLDER = re.compile(r"(\d{2})_(\w+)", re.ASCII)
_LAB_FOLDER = re.compile(r"()([a-z]\w*)", re.ASCII)


@dataclass(frozen=True)
class CheckInfo:
    """One check of a module.

    Attributes
    ----------
    name
        Name used in the notebook, ``check.<name>(…)``.
    points
        Points of a full answer.
    title
        A few words for the learner.
    """

    name: str
    points: float
    title: str


@dataclass(frozen=True)
class Module:
    """A module, or a lab when ``number`` is 0.

    Attributes
    ----------
    number
        Place in the course, from 1; 0 for a lab.
    slug
        Name in file names and addresses.
    title
        Name for people.
    folder
        Folder that holds source and notebook.
    minutes
        Minutes that a learner needs.
    headless_seconds
        Seconds of a run with solutions on two cores.
    objectives
        What the learner can do afterwards, one sentence each.
    needs
        Files of earlier modules that this one opens.
    builds
        Files that it leaves behind.
    checks
        Its checks in the order of the notebook.
    """

    number: int
    slug: str
    title: str
    folder: Path
    minutes: int
    headless_seconds: int
    objectives: tuple[str, ...]
    needs: tuple[str, ...]
    builds: tuple[str, ...]
    checks: tuple[CheckInfo, ...]

    @property
    def points(self) -> float:
        """Points of all checks together."""
        return sum(check.points for check in self.checks)

    @property
    def notebook(self) -> Path:
        """The built learner notebook."""
        return self.folder / f"{self.slug}.ipynb"

    @property
    def source(self) -> Path:
        """The py:percent source which the notebook is built from."""
        return self.folder / f"{self.slug}.py"


def root() -> Path:
    """Return the checkout: the folder that holds ``modules`` and ``labs``."""
    return _ROOT


def modules(*, root: Path | None = None) -> tuple[Module, ...]:
    """Return the modules that are built, in order.

    A folder without a readable notebook is left out: a module that somebody is
    writing must not keep the others from opening.

    Parameters
    ----------
    root
        Folder that holds ``modules``; the checkout by default.
    """
    return tuple(sorted(_discover("modules", _MODULE_FOLDER, root), key=lambda m: m.number))


def labs(*, root: Path | None = None) -> tuple[Module, ...]:
    """Return the labs that are built, by slug; `root` as in `modules`."""
    return tuple(sorted(_discover("labs", _LAB_FOLDER, root), key=lambda lab: lab.slug))


def find(slug: str, *, root: Path | None = None) -> Module:
    """Return the module or lab called `slug`.

    Raises
    ------
    LookupError
        If there is none; the message lists those that exist.
    """
    known = (*modules(root=root), *labs(root=root))
    for module in known:
        if module.slug == slug:
            return module
    names = ", ".join(module.slug for module in known) or "none is built yet"
    raise LookupError(f"There is no built module or lab called {slug!r}. Those there are: {names}.")


def _discover(kind: str, pattern: re.Pattern[str], root: Path | None) -> Iterator[Module]:
    parent = (_ROOT if root is None else Path(root)) / kind
    if not parent.is_dir():
        return
    for folder in sorted(parent.iterdir()):
        match = pattern.fullmatch(folder.name)
        if match is None:
            continue
        number, slug = match.groups()
        try:
            status = (folder / f"{slug}.ipynb").stat()
            facts = _facts(folder / f"{slug}.ipynb", status.st_mtime_ns, status.st_size)
            yield _module(int(number or 0), slug, folder, facts)
        except (OSError, ValueError, TypeError, KeyError):
            continue


@functools.lru_cache(maxsize=64)
def _facts(notebook: Path, mtime_ns: int, size: int) -> Mapping[str, Any]:
    """Return ``metadata.course``; time and size make a rewritten file a new one."""
    with notebook.open(encoding="utf-8") as file:
        return json.load(file)["metadata"]["course"]


def _module(number: int, slug: str, folder: Path, facts: Mapping[str, Any]) -> Module:
    return Module(
        number=number,
        slug=slug,
        title=str(facts["title"]),
        folder=folder,
        minutes=int(facts.get("minutes", 0)),
        headless_seconds=int(facts.get("headless_seconds", 0)),
        objectives=tuple(map(str, facts.get("objectives", ()))),
        needs=tuple(map(str, facts.get("needs", ()))),
        builds=tuple(map(str, facts.get("builds", ()))),
        checks=tuple(
            CheckInfo(str(check["name"]), float(check["points"]), str(check.get("title", "")))
            for check in facts.get("checks", ())
        ),
    )
