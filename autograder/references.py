"""The references in ``course/models``: what the modules' own solutions leave behind.

``python -m autograder.references [SLUG …]`` runs each module that builds something, solutions in,
and keeps its files for learners who start a later module cold. An author runs it after a change to
such a module; ``tests/course/test_artefacts.py`` proves the references good.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

import nbformat

from autograder import build, rehearsal
from autograder.cells import read
from course import artefacts, syllabus
from course.console import Spinner


def renew(slug: str) -> list[Path]:
    """Run a module's solution and keep what it builds; a Keras model as ``.tflite``, too.

    Raises
    ------
    LookupError
        When there is no such module.
    RuntimeError
        When its solution does not run to the end, or leaves a file out.
    """
    module = syllabus.find(slug)
    source = read(module.source)
    notebook = nbformat.writes(build.notebook(source, "solution"))
    kept = []
    with tempfile.TemporaryDirectory(prefix="course-references-") as name:
        checks = build.checks_of(source)
        run = rehearsal.run_cells(notebook, checks, Path(name).resolve(), seeds=[1])
        if run.problems:
            raise RuntimeError("\n".join(run.problems))
        for wanted in module.builds:
            if wanted in _converted():
                continue
            found = next(Path(name).rglob(wanted), None)
            if found is None:
                raise RuntimeError(f"The solution of {slug} leaves no {wanted}.")
            kept.append(Path(shutil.copy(found, artefacts.REFERENCES / wanted)))
            if wanted.endswith(".keras"):
                converted = artefacts.REFERENCES / f"{Path(wanted).stem}.tflite"
                converted.write_bytes(artefacts.converted(found))
                kept.append(converted)
    return kept


def _converted() -> set[str]:
    """Names of the files that are conversions of what a module builds."""
    built = [name for module in syllabus.modules() for name in module.builds]
    return {f"{Path(name).stem}.tflite" for name in built if name.endswith(".keras")}


def main(*slugs: str) -> None:
    """Renew the references of these modules, or of all."""
    artefacts.REFERENCES.mkdir(exist_ok=True)
    for slug in slugs or [module.slug for module in syllabus.modules() if module.builds]:
        with Spinner(f"Running {slug}"):
            kept = renew(slug)
        for path in kept:
            print(f"{path.name}: {path.stat().st_size:,} bytes")


if __name__ == "__main__":
    main(*sys.argv[1:])
