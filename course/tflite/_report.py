"""What `course.tflite.inspect` found, as text for terminals and as pictures for notebooks.

Pictures are plain SVG: no scripts, the ink of whatever page they stand on, so that light and dark
pages both can be read.
"""

from __future__ import annotations

import html as markup
from collections.abc import Sequence
from typing import TYPE_CHECKING

from course.tflite import _treemap

if TYPE_CHECKING:
    from course.tflite.inspect import Operator, Report, Tensor

# More than this cannot be taken in, and a notebook has to carry it.
_MOST_DRAWN = 120
_MOST_ROWS = 200
# CSS pixels; a notebook's column is 700 wide in a window of 900.
_WIDTH = 720

# Okabe & Ito (2008), with letters that have a contrast of 5 or more on each.
_COLOURS = {
    "weights": ("#0072B2", "#ffffff"),
    "tensors": ("#E69F00", "#1a1a1a"),
    "names": ("#56B4E9", "#1a1a1a"),
    "quantization": ("#CC79A7", "#1a1a1a"),
    "operators": ("#35B58F", "#1a1a1a"),
    "metadata": ("#F0E442", "#1a1a1a"),
    "signatures": ("#F2A66B", "#1a1a1a"),
    "attached files": ("#B8C7D9", "#1a1a1a"),
    "padding and root": ("#C4C7CB", "#1a1a1a"),
}
_ARENA = ("#56B4E9", "#E69F00", "#35B58F", "#CC79A7", "#F0E442", "#F2A66B")

_WORDS = {
    "weights": "weights and other constants",
    "tensors": "tensor descriptions",
    "names": "names of tensors",
    "quantization": "scales and zero points",
    "operators": "operators",
    "metadata": "metadata",
    "signatures": "signatures",
    "attached files": "attached files",
    "padding and root": "padding and the root table",
}


# --- text ---------------------------------------------------------------------------------------


def text(report: Report) -> str:
    """A dozen lines for a terminal."""
    share = report.weights_bytes / report.file_bytes
    lines = [
        f"A model of {report.file_bytes:,} bytes: {report.weights_bytes:,} of weights "
        f"({100 * share:.0f} %) and {report.structure_bytes:,} of structure.",
        f"{_count(len(report.operators), 'operator')}, {_count(len(report.tensors), 'tensor')}, "
        f"{report.macs:,} MACs.",
        _arena_sentence(report),
        *(f"Input:  {_line(each)}" for each in report.inputs[:5]),
    ]
    shown = report.operators[:40]
    width = max((len(each.name) for each in shown), default=0)
    lines += [
        f"{each.index:>4}  {_plain(each.name):<{min(width, 28)}}  "
        f"{_shapes(each):<28}  {each.macs:>11,} MACs  {each.weights_bytes:>9,} B weights"
        for each in shown
    ]
    if len(report.operators) > len(shown):
        lines.append(f"      and {len(report.operators) - len(shown)} more.")
    lines += [f"Output: {_line(each)}" for each in report.outputs[:5]]
    lines += _sentences(report)
    return "\n".join(lines)


def _arena_sentence(report: Report) -> str:
    plan = report.arena
    if plan is None:
        return "No tensor arena is planned: no board could hold so many tensors."
    return (
        f"Planned tensor arena: {plan.bytes:,} bytes; with TFLite Micro's own records about "
        f"{plan.whole:,}."
    )


def _sentences(report: Report) -> list[str]:
    lines = []
    if report.selective_build:
        lines.append(
            f"A board needs {_count(len(report.selective_build), 'kernel')}: "
            f"{', '.join(report.selective_build)}."
        )
    foreign = (*report.flex, *report.custom)
    if foreign:
        lines.append(
            f"Not built in: {', '.join(map(_plain, foreign))}."
            + (" Flex operators are TensorFlow's own." if report.flex else "")
        )
    missing = [name for name in report.not_in_micro if name not in foreign]
    if missing:
        lines.append(f"TFLite Micro has no kernel for {', '.join(map(_plain, missing))}.")
    if not report.fixed_batch:
        lines.append("An axis of the input is free; devices need it fixed.")
    return lines


# --- html ---------------------------------------------------------------------------------------


def html(report: Report) -> str:
    """Pictures and tables for a notebook."""
    first, *rest = text(report).splitlines()[:3]
    notes = "".join(f"<p>{markup.escape(line)}</p>" for line in _sentences(report))
    return (
        f'<div style="max-width: {_WIDTH + 20}px; line-height: 1.45">'
        f"<p><strong>{markup.escape(first)}</strong> {markup.escape(' '.join(rest))}</p>"
        f"{_section('From input to output (scroll sideways)', graph(report))}"
        f"{_section('What the file’s bytes are', treemap(report))}"
        f"{_section('The tensor arena, step by step', timeline(report))}"
        f"{notes}{_operators(report)}{_tensors(report)}</div>"
    )


def _section(title: str, body: str) -> str:
    if not body:
        return ""
    return f'<p style="margin: 1em 0 0.3em"><strong>{title}</strong></p>{body}'


def _svg(width: float, height: float, alt: str, body: str, *, fixed: bool = False) -> str:
    # JupyterLab narrows every drawing to its column; this one scrolls instead.
    size = (
        f"width: {width:.0f}px; max-width: none; height: {height:.0f}px"
        if fixed
        else "max-width: 100%; height: auto"
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" '
        f'width="{width:.0f}" height="{height:.0f}" role="img" aria-label="{_attribute(alt)}" '
        f'style="display: block; {size}" font-family="system-ui, sans-serif" font-size="13" '
        f'fill="currentColor">{body}</svg>'
    )


def graph(report: Report) -> str:
    """The operators of the running graph as boxes from left to right, tensors as arrows."""
    steps = [each for each in report.operators if each.subgraph == 0][:_MOST_DRAWN]
    if not steps:
        return ""
    box, gap, top, tall = 176, 84, 8, 96
    known = {each.index: each for each in report.tensors if each.subgraph == 0}
    makers = {at: place for place, each in enumerate(steps) for at in each.outputs}
    drawn = []
    left = gap + 10
    skips = 0
    middle = top + tall / 2

    def x_of(place: int) -> float:
        return left + place * (box + gap)

    for place, each in enumerate(steps):
        for at in each.inputs:
            tensor = known.get(at)
            if tensor is None or tensor.constant:
                continue
            maker = makers.get(at)
            if maker is None or maker == place - 1:
                start = 10 if maker is None and place == 0 else x_of(place) - gap
                drawn.append(_arrow(start, x_of(place), middle, tensor))
            elif maker < place:
                skips += 1
                drawn.append(_arc(x_of(maker) + box / 2, x_of(place) + box / 2, top + tall))
        drawn.append(_box(x_of(place), top, box, tall, each))
    end = x_of(len(steps))
    for tensor in report.outputs[:1]:
        if makers.get(tensor.index) == len(steps) - 1:
            drawn.append(_arrow(end - gap, end - 10, middle, tensor))
    more = sum(each.subgraph == 0 for each in report.operators) - len(steps)
    listed = ", ".join(_plain(each.name) for each in steps[:20])
    alt = (
        f"{_count(len(steps), 'operator')} in a row: {listed}{', …' if len(steps) > 20 else ''}."
        + (f" {_count(skips, 'tensor')} skip ahead." if skips else "")
    )
    picture = _svg(end + 10, top + tall + (56 if skips else 8), alt, "".join(drawn), fixed=True)
    tail = f"<p>{more:,} more operators follow.</p>" if more > 0 else ""
    return f'<div style="overflow-x: auto; padding-bottom: 6px" tabindex="0">{picture}</div>{tail}'


def _box(left: float, top: float, wide: float, tall: float, each: Operator) -> str:
    colour = "#0072B2" if each.weights_bytes else "#8a8f94"
    if each.kind != "builtin":
        colour = "#D55E00"
    details = [_option_words(each)]
    details.append(f"{each.macs:,} MACs" if each.macs else "no MACs")
    if each.weights_bytes:
        details.append(f"{each.weights_bytes:,} B of weights")
    lines = "".join(
        f'<text x="{left + 10:.0f}" y="{top + 44 + 19 * at}" font-size="12.5">'
        f"{_clip(line, 24)}</text>"
        for at, line in enumerate(filter(None, details))
    )
    return (
        f"<g><title>{_title(f'{each.index}: {each.name} {_all_options(each)}')}</title>"
        f'<rect x="{left:.0f}" y="{top}" width="{wide}" height="{tall}" rx="5" '
        f'fill="{colour}" fill-opacity="0.12" stroke="{colour}" stroke-width="1.5"/>'
        f'<text x="{left + 10:.0f}" y="{top + 23}" font-weight="bold">{_clip(each.name, 20)}</text>'
        f"{lines}</g>"
    )


def _arrow(start: float, end: float, y: float, tensor: Tensor) -> str:
    middle = (start + end) / 2
    return (
        f"<g><title>{_title(_line(tensor))}</title>"
        f'<path d="M{start:.0f} {y:.0f}H{end - 7:.0f}" stroke="currentColor" fill="none" '
        f'stroke-width="1.3"/><path d="M{end - 8:.0f} {y - 5:.0f}l8 5l-8 5z"/>'
        f'<text x="{middle:.0f}" y="{y - 10:.0f}" text-anchor="middle" font-size="12">'
        f"{_clip(_shape(tensor.shape[1:] or tensor.shape), 13)}</text>"
        f'<text x="{middle:.0f}" y="{y + 20:.0f}" text-anchor="middle" font-size="12" '
        f'fill-opacity="0.75">{_clip(tensor.dtype, 12)}</text></g>'
    )


def _arc(start: float, end: float, y: float) -> str:
    return (
        f'<path d="M{start:.0f} {y:.0f}C{start:.0f} {y + 50:.0f} {end:.0f} {y + 50:.0f} '
        f'{end:.0f} {y + 6:.0f}" stroke="currentColor" stroke-opacity="0.7" fill="none" '
        f'stroke-width="1.3"/><path d="M{end - 5:.0f} {y + 9:.0f}l5 -8l5 8z"/>'
    )


def treemap(report: Report) -> str:
    """Every byte of the file as an area: each constant by itself, the structure by kind."""
    names = {
        (each.subgraph, at): _short(each.name)
        for each in reversed(report.operators)
        for at in each.inputs
    }
    described = [
        (
            each.bytes,
            "weights",
            names.get(each.tensors[0], "constant") if each.tensors else "constant",
            report_name(report, each.tensors),
        )
        for each in report.buffers
    ]
    # Buffers with metadata are counted with those, and lengths of vectors with their vectors.
    room = report.weights_bytes
    items = []
    for size, part, label, hint in sorted(described, key=lambda item: -item[0]):
        if hint and len(items) < _MOST_DRAWN and 0 < size <= room:
            items.append((size, part, label, hint))
            room -= size
    if room:
        items.append((room, "weights", "other", "lengths of the lists, and small constants"))
    items += [
        (size, part, _WORDS[part], _WORDS[part])
        for part, size in report.parts.items()
        if part != "weights"
    ]
    items.sort(key=lambda item: -item[0])
    height = 260
    drawn = []
    tiles = _treemap.squarified([item[0] for item in items], _WIDTH, height)
    for (size, part, label, hint), (left, top, wide, tall) in zip(items, tiles, strict=True):
        fill, ink = _COLOURS[part]
        drawn.append(
            f"<g><title>{_title(f'{hint}: {size:,} bytes')}</title>"
            f'<rect x="{left:.1f}" y="{top:.1f}" width="{max(wide - 1, 0.4):.1f}" '
            f'height="{max(tall - 1, 0.4):.1f}" fill="{fill}"/>'
        )
        letters = int((wide - 12) / 7.2)
        if letters >= 4 and tall >= 20:
            drawn.append(_tile_words(left + 6, top, ink, label, f"{size:,} B", letters, tall))
        drawn.append("</g>")
    listed = ", ".join(f"{_WORDS[part]} {size:,}" for part, size in report.parts.items())
    alt = f"Areas for {report.file_bytes:,} bytes: {listed}."
    keys = "".join(
        f'<span style="white-space: nowrap; margin-right: 1.1em"><span style="display: '
        f"inline-block; width: 0.8em; height: 0.8em; background: {_COLOURS[part][0]}; "
        f'margin-right: 0.35em"></span>{_WORDS[part]} {size:,}</span> '
        for part, size in report.parts.items()
    )
    return f'{_svg(_WIDTH, height, alt, "".join(drawn))}<p style="font-size: 13px">{keys}</p>'


def _tile_words(
    left: float, top: float, ink: str, label: str, size: str, letters: int, tall: float
) -> str:
    common = f'x="{left:.1f}" fill="{ink}" font-size="12.5"'
    if tall < 38:
        both = f"{label} {size}"
        words = both if len(both) <= letters else (label if len(label) <= letters else size)
        return f'<text {common} y="{top + 15:.1f}">{_clip(words, letters)}</text>'
    return (
        f'<text {common} y="{top + 16:.1f}">{_clip(label, letters)}</text>'
        f'<text {common} y="{top + 32:.1f}">{_clip(size, letters)}</text>'
    )


def report_name(report: Report, tensors: Sequence[tuple[int, int]]) -> str:
    """Names of the tensors that share a buffer; nothing for a buffer that no tensor has."""
    known = {(each.subgraph, each.index): each for each in report.tensors}
    names = [_line(known[at]) for at in tensors[:2]]
    return "; ".join(names)


def timeline(report: Report) -> str:
    """Each tensor as a bar: from left to right the steps that need it, upwards its bytes."""
    plan = report.arena
    if plan is None or not plan.bytes:
        return ""
    left, right, top, low, height = 76, 12, 10, 44, 270
    wide, tall = _WIDTH - left - right, height - top - low
    living = [each for each in plan.placements if each.first >= 0]
    shown = sorted(living, key=lambda each: -each.bytes)[: 2 * _MOST_DRAWN]
    steps = plan.steps

    def x_of(step: float) -> float:
        return left + wide * step / steps

    def y_of(place: float) -> float:
        return top + tall * (1 - place / plan.bytes)

    drawn = []
    for tick in _ticks(plan.bytes):
        y = y_of(tick)
        drawn.append(
            f'<path d="M{left} {y:.1f}H{left + wide}" stroke="currentColor" stroke-opacity="0.2"/>'
            f'<text x="{left - 8}" y="{y + 4:.1f}" text-anchor="end" font-size="12">{tick:,}</text>'
        )
    for number, each in enumerate(sorted(shown, key=lambda each: (each.first, each.start))):
        x, y = x_of(each.first), y_of(each.start + each.bytes)
        span, rise = x_of(each.last + 1) - x, tall * each.bytes / plan.bytes
        words = f"{_plain(each.name) or 'tensor'}: bytes {each.start:,} to "
        words += f"{each.start + each.bytes:,}, steps {each.first} to {each.last}"
        drawn.append(
            f"<g><title>{_title(words)}</title>"
            f'<rect x="{x:.1f}" y="{y:.1f}" width="{max(span - 1, 0.5):.1f}" '
            f'height="{max(rise - 1, 0.5):.1f}" fill="{_ARENA[number % len(_ARENA)]}"/>'
        )
        letters = int((span - 10) / 7)
        if letters >= 4 and rise >= 17:
            drawn.append(
                f'<text x="{x + 5:.1f}" y="{y + min(rise - 5, 15):.1f}" fill="#1a1a1a" '
                f'font-size="12">{_clip(f"{each.bytes:,} B", letters)}</text>'
            )
        drawn.append("</g>")
    names = ["input", *(each.name for each in report.operators if each.subgraph == 0)]
    if steps == len(names) and wide / steps > 46:
        drawn += [
            f'<text x="{(x_of(at) + x_of(at + 1)) / 2:.1f}" y="{top + tall + 17}" '
            f'text-anchor="middle" font-size="{11 if wide / steps < 90 else 12}">'
            f"{_clip(_short(name), int(wide / steps / 6.2))}</text>"
            for at, name in enumerate(names)
        ]
    else:
        drawn += [
            f'<text x="{x_of(at + 0.5):.1f}" y="{top + tall + 17}" text-anchor="middle" '
            f'font-size="12">{at}</text>'
            for at in range(0, steps, max(1, -(-steps // 12)))
        ]
    drawn.append(
        f'<text x="{left + wide / 2}" y="{height - 6}" text-anchor="middle">'
        "Step of the computation</text>"
        f'<text transform="translate(14 {top + tall / 2}) rotate(-90)" text-anchor="middle">'
        "Place in the arena (bytes)</text>"
    )
    most = max(living, key=lambda each: each.bytes, default=None)
    alt = (
        f"Timeline of the planned tensor arena, {plan.bytes:,} bytes over {steps} steps, with "
        f"{_count(len(living), 'tensor')}."
        + (
            f" The largest is {_plain(most.name)} with {most.bytes:,} bytes, from step "
            f"{most.first} to {most.last}."
            if most
            else ""
        )
    )
    return _svg(_WIDTH, height, alt, "".join(drawn))


def _ticks(most: int) -> list[int]:
    step = 1
    while most / step > 5:
        step *= 2 if str(step)[0] in "15" else 5
        if str(step)[0] == "2" and most / step > 5:
            step = step * 5 // 2
    return [*range(0, most, step)] if most % step else [*range(0, most + 1, step)]


# --- tables -------------------------------------------------------------------------------------


def _operators(report: Report) -> str:
    rows = [
        (
            str(each.index),
            each.name,
            _shapes(each),
            _all_options(each),
            f"{each.macs:,}",
            f"{each.weights_bytes:,}",
            f"{each.bytes_read:,}",
            f"{each.bytes_written:,}",
            each.method or "none",
        )
        for each in report.operators
    ]
    heads = ("Step", "Operator", "Shapes", "Options", "MACs", "Weights (B)", "Read (B)",
             "Written (B)", "On a board")  # fmt: skip
    return _table(f"{_count(len(rows), 'operator')}", heads, rows, right=(0, 4, 5, 6, 7))


def _tensors(report: Report) -> str:
    rows = []
    for each in report.tensors:
        scales = "–"
        if len(each.scale) == 1:
            zero = each.zero_point[0] if each.zero_point else 0
            scales = f"{each.scale[0]:.5g}, zero point {zero}"
        elif each.scale:
            scales = f"{len(each.scale)} scales along axis {each.quantized_dimension}"
        kind = "constant" if each.constant else "variable" if each.variable else "computed"
        rows.append((str(each.index), each.name, _shape(each.shape), each.dtype, scales, kind,
                     f"{each.bytes:,}"))  # fmt: skip
    heads = ("Index", "Name", "Shape", "Type", "Quantization", "Kind", "Bytes")
    return _table(f"{_count(len(rows), 'tensor')}", heads, rows, right=(0, 6))


def _table(
    title: str, heads: Sequence[str], rows: Sequence[Sequence[str]], *, right: Sequence[int]
) -> str:
    def cells(row: Sequence[str], tag: str) -> str:
        return "".join(
            f'<{tag} style="text-align: {"right" if at in right else "left"}; '
            f'padding: 2px 8px; vertical-align: top; white-space: nowrap">'
            f"{markup.escape(_cut(_plain(cell), 80))}</{tag}>"
            for at, cell in enumerate(row)
        )

    body = "".join(f"<tr>{cells(row, 'td')}</tr>" for row in rows[:_MOST_ROWS])
    more = len(rows) - _MOST_ROWS
    tail = f"<p>and {more:,} more.</p>" if more > 0 else ""
    return (
        f'<details style="margin-top: 0.6em"><summary>{title}</summary>'
        f'<div style="overflow-x: auto"><table style="font-size: 13px"><thead>'
        f"<tr>{cells(heads, 'th')}</tr></thead><tbody>{body}</tbody></table></div>{tail}</details>"
    )


# --- words --------------------------------------------------------------------------------------


def _option_words(each: Operator) -> str:
    given = each.options
    words = []
    if each.name in ("CONV_2D", "DEPTHWISE_CONV_2D") and len(each.input_shapes) > 1:
        weights = each.input_shapes[1] or ()
        if len(weights) == 4:
            words.append(f"{weights[1]}×{weights[2]}")
    if given.get("filter_height"):
        words.append(f"{given['filter_height']}×{given['filter_width']}")
    if max(given.get("stride_height", 1), given.get("stride_width", 1)) > 1:
        words.append(f"stride {given['stride_height']}×{given['stride_width']}")
    if given.get("activation", "NONE") != "NONE":
        words.append(str(given["activation"]).replace("RELU", "ReLU"))
    return ", ".join(words)


def _all_options(each: Operator) -> str:
    """Options in words, without those that change nothing."""
    plain = {"activation": "NONE", "stride_width": 1, "stride_height": 1, "dilation_width": 1,
             "dilation_height": 1, "keep_num_dims": False, "keep_dims": False}  # fmt: skip
    return ", ".join(
        f"{name} {_shape(value) if isinstance(value, tuple) else value}"
        for name, value in each.options.items()
        if plain.get(name) != value
    )


def _shapes(each: Operator) -> str:
    first = next((shape for shape in each.input_shapes if shape is not None), ())
    last = next((shape for shape in each.output_shapes if shape is not None), ())
    return f"{_shape(first)} → {_shape(last)}"


def _line(tensor: Tensor) -> str:
    return f"{_plain(tensor.name) or 'tensor'}, {tensor.dtype} {_shape(tensor.shape)}"


def _shape(shape: Sequence[int]) -> str:
    return "×".join(map(str, shape)) or "scalar"


def _short(name: str) -> str:
    words = {"FULLY_CONNECTED": "dense", "DEPTHWISE_CONV_2D": "depthwise", "CONV_2D": "conv",
             "MAX_POOL_2D": "max pool", "AVERAGE_POOL_2D": "mean pool"}  # fmt: skip
    return words.get(name, name.lower().replace("_", " "))


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _cut(words: str, most: int) -> str:
    return words if len(words) <= most else words[: max(most - 1, 1)] + "…"


def _plain(words: str) -> str:
    """Without control characters, which a stranger's file may hold."""
    return "".join(letter if letter.isprintable() else "\ufffd" for letter in words)


def _clip(words: str, most: int) -> str:
    return markup.escape(_cut(_plain(words), most))


def _title(words: str) -> str:
    return markup.escape(_cut(_plain(words), 300))


def _attribute(words: str) -> str:
    return markup.escape(_plain(words), quote=True)
