"""What a neural accelerator would make of a model, by Arm's own compiler and without the chip.

>>> report = npu("gesture_int8.tflite")     # doctest: +SKIP
>>> report.cycles, report.cpu               # doctest: +SKIP
(3502, ())

Vela, the compiler for Arm's Ethos-U, estimates cycles and memory and says which operators the
accelerator cannot do. It is an optional part of the course: ``pip install ethos-u-vela``.
"""

from __future__ import annotations

import csv
import html as markup
import importlib.util
import math
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from course.tflite.inspect import Report, inspect
from course.tflite.run import ModelError, read_model

__all__ = ["ACCELERATORS", "NpuLayer", "NpuReport", "NpuStep", "npu"]

#: What Vela 5 knows: the family, and how many multiplications an Ethos-U does in one cycle.
ACCELERATORS = (
    "ethos-u55-32", "ethos-u55-64", "ethos-u55-128", "ethos-u55-256", "ethos-u65-256",
    "ethos-u65-512", "ethos-u85-128", "ethos-u85-256", "ethos-u85-512", "ethos-u85-1024",
    "ethos-u85-2048",
)  # fmt: skip
# Vela writes some kilobytes for the models of the course.
_MOST_OUTPUT = 8 << 20


@dataclass(frozen=True)
class NpuStep:
    """One operator of the model.

    Attributes
    ----------
    index : its place in the model.
    name : such as ``"CONV_2D"``.
    target : ``"NPU"``, or ``"CPU"`` where the accelerator cannot do it.
    reason : why not, in Vela's words.
    """

    index: int
    name: str
    target: str
    reason: str = ""


@dataclass(frozen=True)
class NpuLayer:
    """What the accelerator does for one operator, which it may split or join with the next.

    Attributes
    ----------
    name : the operator, as Vela calls it.
    cycles : Vela's estimate.
    macs : multiplications with an addition, some of them with padding.
    """

    name: str
    cycles: int
    macs: int


@dataclass(frozen=True, repr=False)
class NpuReport:
    """What `npu` found.

    Attributes
    ----------
    accelerator : the one that was asked for.
    steps : where each operator of the model would run.
    layers : cycles of the accelerator's part.
    cycles : of one run, Vela's estimate for the accelerator's part; 0 where it has none.
    clock_hz : of the accelerator.
    milliseconds : of that part.
    sram_bytes : memory for what is computed.
    flash_bytes : memory for the weights, which Vela compresses.
    original_bytes : length of the model's file.
    system, memory_mode : the system that Vela assumes, of those in its configuration.
    vela : its version.
    """

    accelerator: str
    steps: tuple[NpuStep, ...]
    layers: tuple[NpuLayer, ...]
    cycles: int
    clock_hz: float
    milliseconds: float
    sram_bytes: int
    flash_bytes: int
    original_bytes: int
    system: str
    memory_mode: str
    vela: str

    @property
    def cpu(self) -> tuple[NpuStep, ...]:
        """Operators that fell back to the processor beside the accelerator."""
        return tuple(step for step in self.steps if step.target == "CPU")

    @property
    def cpu_share(self) -> float:
        """Share of the operators that fell back, from 0 to 1."""
        return len(self.cpu) / len(self.steps) if self.steps else 0.0

    def __repr__(self) -> str:
        lines = [self._finding()]
        for step in self.cpu[:20]:
            lines.append(f"CPU: {step.index} {step.name}. {step.reason}".rstrip())
        lines += [
            f"{layer.name:<24}{layer.cycles:>10,} cycles {layer.macs:>10,} MACs"
            for layer in self.layers
        ]
        return "\n".join([*lines, self._assumed()])

    def _finding(self) -> str:
        if not self.layers:
            return (
                f"{self.accelerator}: 100 % of the {len(self.steps)} operators run on the CPU; the "
                "accelerator does nothing. It computes with 8- and 16-bit integers only."
            )
        share = (
            "all operators run on the accelerator"
            if not self.cpu
            else f"{100 * self.cpu_share:.0f} % of the operators fall back to the CPU"
        )
        return (
            f"{self.accelerator}: {share}; {self.cycles:,} cycles, {1e3 * self.milliseconds:,.1f} "
            f"µs at {self.clock_hz / 1e6:,.0f} MHz, {self.sram_bytes:,} bytes of SRAM and "
            f"{self.flash_bytes:,} of flash."
        )

    def _assumed(self) -> str:
        return (
            f"Estimated by Vela {self.vela} for its system {self.system}, memory mode "
            f"{self.memory_mode}; nothing was run. What falls back to the CPU is not counted."
        )

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        total = sum(layer.cycles for layer in self.layers) or 1
        parts = [f"<p><strong>{markup.escape(self._finding())}</strong></p>"]
        if self.layers:
            parts.append(
                _table(
                    ("Layer", "Cycles", "Share", "MACs"),
                    [
                        (layer.name, f"{layer.cycles:,}", f"{100 * layer.cycles / total:.0f} %",
                         f"{layer.macs:,}")
                        for layer in self.layers[:200]
                    ],
                )
            )  # fmt: skip
        if self.cpu:
            rows = [(f"{step.index} {step.name}", step.reason) for step in self.cpu[:200]]
            parts.append(_table(("On the CPU", "Why"), rows, numbers=False))
        parts.append(f"<p>{markup.escape(self._assumed())}</p>")
        return {"text/html": "".join(parts), "text/plain": repr(self)}


def npu(
    model: bytes | str | Path, *, accelerator: str = "ethos-u55-128", seconds: float = 120
) -> NpuReport:
    """Compile a model for an Arm Ethos-U and report what came of it.

    Parameters
    ----------
    model : bytes of a ``.tflite`` file, or its path.
    accelerator : one of `ACCELERATORS`.
    seconds : longest that Vela may take.

    Returns
    -------
    NpuReport
        A float model gives one as well: with everything on the CPU.

    Raises
    ------
    ModelError
        If Vela is not installed, the file is damaged, or Vela cannot compile it.
    """
    if accelerator not in ACCELERATORS:
        raise ModelError(
            f"There is no accelerator {accelerator!r}; Vela knows {', '.join(ACCELERATORS)}."
        )
    data = read_model(model)
    if importlib.util.find_spec("ethosu") is None:
        raise ModelError(
            "Vela, Arm's compiler for the Ethos-U, is an optional part and is not installed. "
            "Install it with: pip install ethos-u-vela. The rest of the course works without."
        )
    report = inspect(data)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "model.tflite").write_bytes(data)
        said = _compile(folder, accelerator, seconds)
        summary = _rows(folder, "*_summary_*.csv")
        layers = _rows(folder, "*_per-layer.csv")
    if not summary:
        raise ModelError("Vela compiled the model and wrote no summary.")
    try:
        return _report(accelerator, report, said, summary[0], layers)
    except (KeyError, ValueError) as error:
        raise ModelError(
            "Vela's summary is not as this course knows it; it was made for 5.2."
        ) from (error)


def _compile(folder: Path, accelerator: str, seconds: float) -> str:
    """Run Vela and return what it said."""
    command = [sys.executable, "-P", "-m", "course.tflite._vela", "model.tflite",
               "--accelerator-config", accelerator, "--output-dir", "out",
               "--show-cpu-operations", "--verbose-performance"]  # fmt: skip
    log = folder / "log.txt"
    with log.open("wb") as out:
        try:
            code = subprocess.run(
                command,
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                timeout=seconds,
                env=os.environ | {"OPENBLAS_NUM_THREADS": "1"},
                check=False,
            ).returncode
        except subprocess.TimeoutExpired as error:
            raise ModelError(f"Vela was not done within {seconds:g} seconds.") from error
    with log.open("rb") as file:
        said = file.read(_MOST_OUTPUT).decode(errors="replace")
    if code:
        raise ModelError(_told(code, said))
    return said


def _told(code: int, said: str) -> str:
    if code < 0:
        return "Vela crashed on this model; the file is most likely damaged."
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    reasons = [line for line in lines if "error" in line.lower() or line.startswith("Failed")]
    reason = (reasons or lines or ["it did not say why"])[-1]
    return f"Vela cannot compile this model: {reason[:300].rstrip('.')}."


def _rows(folder: Path, pattern: str) -> list[dict[str, str]]:
    for path in sorted((folder / "out").glob(pattern)):
        with path.open(newline="", encoding="utf-8", errors="replace") as file:
            return list(csv.DictReader(file))
    return []


def _report(
    accelerator: str,
    report: Report,
    said: str,
    summary: dict[str, str],
    layers: Sequence[dict[str, str]],
) -> NpuReport:
    # Vela names an operator by its output, so that is how the two are matched.
    left = set(re.findall(r"^\s*CPU: .*? = (.*) \(outputs .*\)\s*$", said, re.MULTILINE))
    reasons: dict[str, str] = {}
    for output, reason in re.findall(r"operator: \w+, ofm: '(.*)'\s*\nReason: (.*)", said):
        reasons.setdefault(output, _plain(reason, output))
    counted = re.search(r"^CPU operators = (\d+) \(([\d.]+)%\)", said, re.MULTILINE)
    nothing_on_npu = counted is not None and float(counted.group(2)) >= 100
    steps = []
    for each in report.operators:
        outputs = [report.tensor(at, subgraph=each.subgraph).name for at in each.outputs if at >= 0]
        stays = nothing_on_npu or any(output in left for output in outputs)
        why = next((reasons[output] for output in outputs if output in reasons), "")
        steps.append(
            NpuStep(each.index, each.name, "CPU" if stays else "NPU", why if stays else "")
        )
    kib = 1024
    return NpuReport(
        accelerator=accelerator,
        steps=tuple(steps),
        layers=_layers(layers),
        cycles=int(_number(summary["cycles_total"])),
        clock_hz=_number(summary["core_clock"]),
        milliseconds=1e3 * _number(summary["inference_time"]),
        sram_bytes=round(kib * _number(summary["sram_memory_used"])),
        flash_bytes=round(
            kib
            * (
                _number(summary["on_chip_flash_memory_used"])
                + _number(summary["off_chip_flash_memory_used"])
                + _number(summary["dram_memory_used"])
            )
        ),
        original_bytes=report.file_bytes,
        system=summary["system_config"],
        memory_mode=summary["memory_mode"],
        vela=_version(),
    )


def _number(text: str) -> float:
    """A number; what Vela divides by nothing counts as 0."""
    number = float(text)
    return number if math.isfinite(number) else 0.0


def _layers(rows: Sequence[dict[str, str]]) -> tuple[NpuLayer, ...]:
    found: list[list[Any]] = []
    for row in rows:
        if row["Target"] != "NPU":
            continue
        original, part = row["Original Operator"], row["NNG Operator"]
        # A layer begins with the operator itself, or is a chain of others that stand for it.
        if not found or found[-1][0] != original or original == part:
            found.append([original, 0, 0])
        found[-1][1] += int(_number(row["Op Cycles"]))
        found[-1][2] += int(_number(row["MAC Count"]))
    return tuple(NpuLayer(*each) for each in found)


def _plain(reason: str, output: str) -> str:
    """Vela's reason without the long name of the tensor."""
    words = re.sub(r"\s*\(.*/.*\)", "", reason.replace(output, "its output"))
    return words.strip()[:200]


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("ethos-u-vela")
    except PackageNotFoundError:
        return "(unknown)"


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]], *, numbers: bool = True) -> str:
    def cells(row: Sequence[str], tag: str) -> str:
        return "".join(
            f'<{tag} style="text-align: {"right" if at and numbers else "left"}; '
            f'padding: 2px 10px">{markup.escape(cell)}</{tag}>'
            for at, cell in enumerate(row)
        )

    body = "".join(f"<tr>{cells(row, 'td')}</tr>" for row in rows)
    return (
        '<table style="font-size: 13px"><thead>'
        f"<tr>{cells(heads, 'th')}</tr></thead><tbody>{body}</tbody></table>"
    )
