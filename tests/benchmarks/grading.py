"""How fast a class is graded, sandbox and judge included, against stock nbgrader."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import psutil

from autograder import build, grading, scaffold
from course import syllabus

#: Submissions of the notebook without TensorFlow: for nbgrader, for us, and for the long run.
STOCK, CLASS, LONG = 12, 60, int(os.environ.get("COURSE_BENCH_LONG", "1000"))


def seconds(call):
    started = time.perf_counter()
    call()
    return time.perf_counter() - started


def make_course(root):
    """A course of its own, with one small module that needs no TensorFlow."""
    for name in ("course", "autograder"):
        shutil.copytree(syllabus.root() / name, root / name)
    folder = root / "modules" / "01_mean"
    folder.mkdir(parents=True)
    for name, template in (("mean.py", scaffold._SOURCE), ("checks.py", scaffold._CHECKS)):
        text = template.replace("{quoted}", "Mean").replace("{title}", "Mean")
        text = text.replace("{slug}", "mean")
        (folder / name).write_text(text, "utf-8")


def make_class(folder, notebook, learners):
    for number in range(learners):
        place = folder / f"learner{number:04d}" / "mean"
        place.mkdir(parents=True)
        shutil.copy(notebook, place / "mean.ipynb")
    return folder


def stock(root, notebook):
    """Seconds that `nbgrader autograde`, as it comes, takes for a class."""
    course = root / "stock"
    build.build("mean", view="nbgrader", to=course)
    (course / "nbgrader_config.py").write_text(
        f"c = get_config()\nc.CourseDirectory.root = {str(course)!r}\nc.ClearSolutions.code_stub = "
        "{'python': 'pass'}\n"
    )
    nbgrader = [sys.executable, "-m", "nbgrader"]
    # nbgrader starts `alembic` by name.
    path = os.pathsep.join([os.path.dirname(sys.executable), os.environ["PATH"]])
    run = {"cwd": course, "check": True, "env": os.environ | {"PATH": path}}
    run |= {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    subprocess.run([*nbgrader, "generate_assignment", "mean"], **run)
    make_class(course / "submitted", notebook, STOCK)
    return seconds(lambda: subprocess.run([*nbgrader, "autograde", "mean"], **run))


def ours(items, results, workers):
    return seconds(lambda: grading.grade_all(items, 1, results=results, workers=workers))


def killer(stop):
    """Kill one Dask worker every few seconds until told to stop; returns how many were killed."""
    killed = []

    def work():
        while not stop.wait(5 if not killed else 15):
            for process in psutil.Process().children(recursive=True):
                if "multiprocessing.spawn" in " ".join(process.cmdline()):
                    os.kill(process.pid, signal.SIGKILL)
                    killed.append(process.pid)
                    break

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    return killed


def measure():
    with tempfile.TemporaryDirectory() as name:
        root = Path(name).resolve()
        make_course(root)
        # Workers are processes of their own: the small course comes first on everybody's path.
        child = subprocess.Popen(
            [sys.executable, "-P", __file__, str(root)], stdout=subprocess.PIPE, text=True,
            env=os.environ | {"PYTHONPATH": str(root)}, cwd=root,
        )  # fmt: skip
        for line in child.stdout:
            label, _, figure = line.rstrip("\n").partition("\t")
            yield label, figure
        if child.wait():
            raise RuntimeError("The benchmark's child failed; its words are above.")


def measure_inside(root):
    build.build("mean")
    (notebook,) = build.build("mean", view="solution", to=root / "solved")
    theirs = 60 * STOCK / stock(root, notebook)
    yield "stock nbgrader autograde, no sandbox", f"{theirs:.0f} a minute"
    for workers in (1, 2, 4):
        items = grading.collect([make_class(root / f"class{workers}", notebook, CLASS)])
        rate = 60 * CLASS / ours(items, root / f"results{workers}", workers)
        yield (
            f"course grade, {workers} at a time",
            f"{rate:.0f} a minute, {rate / theirs:.1f}× stock",
        )
    items = grading.collect([make_class(root / "long", notebook, LONG)])
    stop, counted = threading.Event(), []
    killed = killer(stop)
    took = seconds(
        lambda: grading.grade_all(
            items, 1, results=root / "long results",
            on_record=lambda record, _: counted.append((record["student"], record["status"])),
        )
    )  # fmt: skip
    stop.set()
    different = len({student for student, _ in counted})
    right = sum(status == "graded" for _, status in counted)
    yield (
        f"{LONG} submissions with workers killed on the way",
        f"{took:.0f} s, {len(killed)} killed",
    )
    yield "lost, twice, graded", f"{LONG - different}, {len(counted) - different}, {right}"


if __name__ == "__main__":
    for label, figure in measure_inside(Path(sys.argv[1])):
        print(label, figure, sep="\t", flush=True)
