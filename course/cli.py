"""The ``course`` command: parses, calls one function, prints.

Everything heavy is imported inside the command that needs it, so that ``course --help`` is quick.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from course import __version__

_DESCRIPTION = "On-Device: machine learning for phones and microcontrollers, hands on and graded."


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code.

    Parameters
    ----------
    argv : arguments without the program's name; those of the process when omitted.
    """
    arguments = _parser().parse_args(argv)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # a sign that the terminal lacks must not end a command
            stream.reconfigure(errors="replace")
    try:
        return arguments.run(arguments) or 0
    except (LookupError, ValueError, OSError) as error:
        if type(error) in (KeyError, IndexError, UnicodeError):  # ours to mend, not the reader's
            raise
        print(f"course: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\ncourse: stopped.", file=sys.stderr)
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="course", description=_DESCRIPTION)
    parser.add_argument("--version", action="version", version=f"course {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)

    def command(name: str, run: Callable, help: str, **options: Any) -> argparse.ArgumentParser:
        sub = commands.add_parser(name, help=help, description=help, **options)
        sub.set_defaults(run=run)
        return sub

    start = command("start", _start, "Open the course in your browser.")
    start.add_argument(
        "--workspace", type=Path, help="your folder for notebooks (default ~/on-device)"
    )
    start.add_argument("--port", type=int, default=8888, help="first port to try (default 8888)")
    start.add_argument("--no-browser", action="store_true", help="print the address, open nothing")

    check = command("check", _check, "Grade a notebook on hidden data and print every finding.")
    check.add_argument("notebook", type=Path)
    check.add_argument("--module", help="slug, when the notebook does not say")
    check.add_argument("--seed", type=_seed, help="draw the hidden data from this seed")
    check.add_argument("--json", action="store_true", help="print JSON instead of text")

    grade = command(
        "grade", _grade, "Grade a class on hidden data; enter it in nbgrader's gradebook."
    )
    grade.add_argument(
        "submissions",
        nargs="+",
        type=Path,
        help="folders of STUDENT/….ipynb, zip files, or notebooks",
    )
    grade.add_argument("--module", help="slug, when the notebooks do not say")
    grade.add_argument(
        "--out", type=Path, default=Path("results.csv"), help="(default results.csv)"
    )
    grade.add_argument("--json", type=Path, metavar="FILE", help="write every finding as JSON too")
    grade.add_argument(
        "--html", type=Path, metavar="DIR", help="write item analysis and feedback pages"
    )
    grade.add_argument(
        "--seed", type=_seed, help="draw hidden data from this seed, not your secret one"
    )
    grade.add_argument("--workers", type=int, help="submissions at a time (default: one a core)")
    grade.add_argument("--scheduler", metavar="TCP://…", help="a running Dask scheduler to use")
    grade.add_argument(
        "--course", type=Path, metavar="DIR", help="nbgrader course (default build/nbgrader)"
    )
    grade.add_argument(
        "--no-gradebook", action="store_true", help="leave nbgrader's gradebook alone"
    )

    command("doctor", _doctor, "Find out what is wrong with this installation.")

    build = command("build", _build, "Build notebooks from their sources.")
    build.add_argument("slug", nargs="?", help="module or lab (default: all)")
    build.add_argument("--view", default="learner", help="learner, solution, nbgrader or rehearsal")
    build.add_argument("--to", type=Path, metavar="DIR", help="folder to build into")

    new = command("new", _new, "Make a new module whose tests pass at once.")
    new.add_argument("title")
    new.add_argument("--after", required=True, metavar="SLUG", help="the module it follows")

    bench = command("bench", _bench, "Measure and print ratios and figures.")
    bench.add_argument("names", nargs="*", help="which benchmarks (default: all)")

    # No word begins with NUL: pytest's options are taken as they are.
    options = {"prefix_chars": "\0", "add_help": False}
    test = command("test", _test, "Run the tests; further arguments go to pytest.", **options)
    test.add_argument("pytest", nargs="*")
    return parser


def _seed(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 0 up")
    return int(text)


def _start(arguments: argparse.Namespace) -> int:
    from course import start

    return start.start(
        workspace=arguments.workspace, port=arguments.port, browser=not arguments.no_browser
    )


def _check(arguments: argparse.Namespace) -> int:
    import json

    from autograder import submission
    from autograder.card import Card, points
    from course.console import Spinner

    with Spinner(f"Running {arguments.notebook.name} on hidden data") as spinner:
        graded = submission.grade(
            arguments.notebook, module=arguments.module, seed=arguments.seed, on_tick=spinner.tick
        )
    if arguments.json:
        print(json.dumps(graded.to_json(), indent=1))
        return 0
    for title, verdict in zip(graded.titles, graded.verdicts, strict=True):
        print(Card(title, verdict), end="\n\n")
    for note in graded.notes:
        print(f"Note: {note}")
    print(f"{graded.module}: {points(graded.score)} of {points(graded.points)} points")
    again = subprocess.list2cmdline(["check", str(arguments.notebook), "--seed", str(graded.seed)])
    print(f"The same hidden data again: course {again}")
    return 0


def _grade(arguments: argparse.Namespace) -> int:
    import importlib.util

    from course import syllabus
    from course.console import Bar

    needed = ("distributed", "nbgrader")
    if missing := [name for name in needed if not importlib.util.find_spec(name)]:
        raise LookupError(
            f"Grading needs {' and '.join(missing)}, which learners do not have. "
            "`python3 -m course grade …` in the checkout installs it."
        )
    from autograder import grading

    items = grading.collect(arguments.submissions, module=arguments.module)
    course = arguments.course or syllabus.root() / "build" / "nbgrader"
    with Bar("Grading", len(items)) as bar:
        summary = grading.grade_class(
            items,
            seed=arguments.seed,
            out=arguments.out,
            json_out=arguments.json,
            html=arguments.html,
            course=None if arguments.no_gradebook else course,
            scheduler=arguments.scheduler,
            workers=arguments.workers,
            on_record=bar.advance,
        )
    print(summary)
    return 0


def _doctor(arguments: argparse.Namespace) -> int:
    from course import doctor

    diagnoses = doctor.diagnose()
    print(doctor.report(diagnoses))
    return 0 if all(diagnosis.ok for diagnosis in diagnoses) else 1


def _build(arguments: argparse.Namespace) -> int:
    from autograder import build

    for path in build.build(arguments.slug, view=arguments.view, to=arguments.to):
        print(path)
    return 0


def _new(arguments: argparse.Namespace) -> int:
    from autograder import scaffold

    for path in scaffold.new_module(arguments.title, after=arguments.after):
        print(path)
    return 0


def _bench(arguments: argparse.Namespace) -> int:
    from course import syllabus

    script = syllabus.root() / "tests" / "benchmarks"
    return subprocess.call([sys.executable, "-P", str(script), *arguments.names])


def _test(arguments: argparse.Namespace) -> int:
    from course import syllabus

    return subprocess.call([sys.executable, "-m", "pytest", *arguments.pytest], cwd=syllabus.root())


if __name__ == "__main__":
    sys.exit(main())
