"""Keras starts without a word."""

import subprocess
import sys

import pytest


@pytest.mark.slow
def test_importing_keras_and_training_print_nothing():
    lines = [
        "from course.training import keras",
        "import numpy as np",
        "model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])",
        "model.compile('adam', 'mse')",
        "model.fit(np.zeros((4, 2)), np.zeros((4, 1)), verbose=0)",
    ]
    run = subprocess.run([sys.executable, "-c", "\n".join(lines)], capture_output=True, text=True)
    assert (run.returncode, run.stdout, run.stderr) == (0, "", "")


def test_errors_after_the_start_are_still_heard(capfd):
    from course.training import _without_stderr

    with _without_stderr():
        print("hidden", file=sys.__stderr__, flush=True)
    print("heard", file=sys.__stderr__, flush=True)
    with pytest.raises(ValueError, match="gets through"), _without_stderr():
        raise ValueError("It gets through.")
    assert "heard" in capfd.readouterr().err
