"""Loss and accuracy, drawn while a Keras model trains."""

from __future__ import annotations

import math
import time
from typing import Any

import traitlets

from course import plots
from course.widgets._base import HouseWidget, script


class LearningCurve(HouseWidget):
    """A learning curve that grows by one point with each epoch.

    Pass :meth:`callback` to ``model.fit``; the widget shows itself where training starts.

    Parameters
    ----------
    epochs : int
        How many epochs are planned; the length of the progress bar. ``model.fit`` corrects it.
    title : str
        Title of the still picture.

    Attributes
    ----------
    history : dict of str to list of float
        The metrics after each epoch, named as Keras names them.
    seconds : float
        Time since training began, in seconds.
    state : {"waiting", "training", "finished"}
        Where training stands.

    Examples
    --------
    >>> curve = LearningCurve(epochs=30)
    >>> curve.add_epoch({"loss": 0.7, "accuracy": 0.5})
    >>> curve.history["loss"]
    [0.7]
    """

    _esm = script("learning_curve")

    epochs = traitlets.Int(1).tag(sync=True)
    seconds = traitlets.Float(0.0).tag(sync=True)
    state = traitlets.Unicode("waiting").tag(sync=True)
    _series = traitlets.Dict().tag(sync=True)
    _colours = traitlets.List([plots.TRAINING_COLOUR, plots.VALIDATION_COLOUR]).tag(sync=True)

    def __init__(self, epochs: int, *, title: str = "How training went") -> None:
        super().__init__(epochs=int(epochs))
        self.history: dict[str, list[float]] = {}
        self.title = title
        self._began = 0.0
        self._shown_in: int | None = None

    def begin(self, epochs: int | None = None) -> None:
        """Forget what was drawn and start the clock."""
        self._began = time.perf_counter()
        self.history = {}
        with self.hold_sync():
            self.epochs = int(epochs or self.epochs)
            self._series = {}
            self.seconds = 0.0
            self.state = "training"

    def add_epoch(self, metrics: dict[str, float]) -> None:
        """Add the metrics of one epoch, named as Keras names them."""
        for name, value in metrics.items():
            self.history.setdefault(str(name), []).append(float(value))
        with self.hold_sync():
            # JSON has no NaN: a loss that diverged travels as a gap.
            self._series = {
                name: [value if math.isfinite(value) else None for value in values]
                for name, values in self.history.items()
            }
            if self.state == "training":
                self.seconds = time.perf_counter() - self._began

    def end(self) -> None:
        """Mark training as finished, and renew the still picture that the notebook keeps."""
        if self.state == "training":
            self.seconds = time.perf_counter() - self._began
        self.state = "finished"
        if self._shown_in is not None:
            self._publish(update=True)

    def callback(self) -> Any:
        """Return a Keras callback that draws into this widget.

        Returns
        -------
        keras.callbacks.Callback
            For the ``callbacks`` of ``model.fit``. Use it with ``verbose=0``.
        """
        import keras

        curve = self

        class DrawLearningCurve(keras.callbacks.Callback):
            def on_train_begin(self, logs: dict[str, float] | None = None) -> None:
                curve.begin((self.params or {}).get("epochs"))
                curve._show()

            def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
                curve.add_epoch(logs or {})

            def on_train_end(self, logs: dict[str, float] | None = None) -> None:
                curve.end()

        return DrawLearningCurve()

    def _ipython_display_(self, **_: Any) -> None:
        # Shown once in a cell, by training or by name, and under an id of its own, so that the
        # picture kept in the notebook can be renewed.
        count = _execution_count()
        if count != self._shown_in:
            self._shown_in = count
            self._publish(update=False)

    def _show(self) -> None:
        if _execution_count() is not None:
            self._ipython_display_()

    def _publish(self, *, update: bool) -> None:
        from IPython.display import display

        data, metadata = self._bundle()
        display(
            data,
            metadata=metadata,
            raw=True,
            display_id=f"on-device-curve-{self.model_id}",
            update=update,
        )

    def _fallback_figure(self) -> plots.HouseFigure:
        return plots.learning_curve(self.history, title=self.title)

    def _fallback_text(self) -> str:
        trained = len(next(iter(self.history.values()), ()))
        if not trained:
            return "Learning curve: no epoch has been trained yet."
        parts = []
        for name, values in self.history.items():
            if name.removeprefix("val_") == "loss":
                parts.append(f"{_spoken(name)} {values[-1]:.3f}")
            elif "acc" in name:
                parts.append(f"{_spoken(name)} {100 * values[-1]:.1f} %")
        return (
            f"Learning curve after {trained} of {self.epochs} epochs, {self.seconds:.1f} s: "
            f"{', '.join(parts)}."
        )


def _spoken(name: str) -> str:
    kind = "validation" if name.startswith("val_") else "training"
    return f"{kind} {'loss' if name.endswith('loss') else 'accuracy'}"


def _execution_count() -> int | None:
    """Number of the cell that is running; None outside IPython."""
    from IPython import get_ipython

    shell = get_ipython()
    return None if shell is None else shell.execution_count
