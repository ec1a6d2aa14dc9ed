"""House figures: one look, axes with units, colour-blind-safe colours, and alt text.

`house` is the look; the others are figures, by what they are about.
"""

# ruff: noqa: E402 -- matplotlib is imported after its log has been quietened.

import logging

# On a new machine matplotlib announces on stderr that it builds its font cache; a check cell must
# stay silent there, because nbgrader takes any stderr for a failure.
logging.getLogger("matplotlib.font_manager").setLevel(logging.ERROR)

from course.plots.activity import AXIS_COLOURS, feature_clouds, recordings, speed_strips, two_boxes
from course.plots.compare import accuracy_bars, confusion_matrix, learning_curve
from course.plots.conversion import BYTE_COLOURS, difference_strips, hex_dump, operator_columns
from course.plots.house import (
    BLUE,
    COLOURS,
    GREEN,
    HOUSE_STYLE,
    INK,
    MUTED,
    ORANGE,
    PURPLE,
    RULE,
    SKY,
    TRAINING_COLOUR,
    VALIDATION_COLOUR,
    VERMILLION,
    HouseFigure,
    as_sentence,
    colour_of,
    label_text,
    title_across,
    use_house_style,
    wrapped_title,
)
from course.plots.link import cost_dots, gate_strip, latency_strips
from course.plots.pipeline import pictures, score_strips, stage_bars
from course.plots.quantization import before_and_after, file_parts, models_compared, number_line
from course.plots.shrinking import published_models, share_bars, size_curves

__all__ = [
    "AXIS_COLOURS",
    "BLUE",
    "BYTE_COLOURS",
    "COLOURS",
    "GREEN",
    "HOUSE_STYLE",
    "INK",
    "MUTED",
    "ORANGE",
    "PURPLE",
    "RULE",
    "SKY",
    "TRAINING_COLOUR",
    "VALIDATION_COLOUR",
    "VERMILLION",
    "HouseFigure",
    "accuracy_bars",
    "as_sentence",
    "before_and_after",
    "colour_of",
    "confusion_matrix",
    "cost_dots",
    "difference_strips",
    "feature_clouds",
    "file_parts",
    "gate_strip",
    "hex_dump",
    "label_text",
    "latency_strips",
    "learning_curve",
    "models_compared",
    "number_line",
    "operator_columns",
    "pictures",
    "published_models",
    "recordings",
    "score_strips",
    "share_bars",
    "size_curves",
    "speed_strips",
    "stage_bars",
    "title_across",
    "two_boxes",
    "use_house_style",
    "wrapped_title",
]
