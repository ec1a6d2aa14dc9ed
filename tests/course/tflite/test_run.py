"""Runner: the same call on every engine, sentences for wrong input, and no harm to this process."""

import doctest
import os
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

from course.tflite import ModelError, Runner, TensorInfo, _child, _engines
from course.tflite.run import read_model, structure
from tests.models import needs_micro

ENGINES = ["litert", "builtin", "reference", pytest.param("micro", marks=needs_micro)]
HERE = ["litert", "builtin", "reference"]

needs_posix = pytest.mark.skipif(os.name != "posix", reason="Signals and forks of POSIX.")


def refusal_of(call, *arguments, **options):
    """The sentence of a `ModelError`, which must be one."""
    with pytest.raises(ModelError) as caught:
        call(*arguments, **options)
    sentence = str(caught.value)
    assert sentence.endswith(".")
    return sentence


def test_the_examples_in_the_docstrings_hold():
    failed, tried = doctest.testmod(_engines)
    assert tried >= 4
    assert failed == 0


def test_importing_the_package_starts_neither_tensorflow_nor_an_interpreter():
    program = (
        "import sys, course.tflite\n"
        "heavy = {'tensorflow', 'keras', 'ai_edge_litert', 'tflite_micro'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_opening_a_model_imports_no_tensorflow(zoo, tmp_path):
    path = tmp_path / "model.tflite"
    path.write_bytes(zoo.files["float"])
    program = (
        "import sys\nfrom course.tflite import Runner\n"
        f"Runner({str(path)!r})\nassert 'tensorflow' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0
    assert done.stderr == "", "XNNPACK's line is kept back"


# --- the same call on each ------------------------------------------------------------------------


@pytest.mark.parametrize("engine", ENGINES)
def test_every_engine_answers_like_keras(zoo, engine):
    examples = zoo.hidden[0][:50]
    expected = np.asarray(zoo.keras(examples))
    with Runner(zoo.files["float"], engine=engine) as runner:
        answers = runner(examples)
        assert answers.dtype == np.float32
        np.testing.assert_allclose(answers, expected, atol=1e-5)
        np.testing.assert_array_equal(runner(examples[3]), answers[3])
        np.testing.assert_array_equal(runner.predict(examples), answers)


@pytest.mark.parametrize("engine", ENGINES)
def test_predict_quantizes_and_dequantizes(zoo, engine):
    examples = zoo.hidden[0][:50]
    with Runner(zoo.files["board"], engine=engine) as runner:
        given, result = runner.inputs[0], runner.outputs[0]
        stored = runner(given.quantize(examples))
        assert stored.dtype == np.int8
        np.testing.assert_array_equal(runner.predict(examples), result.dequantize(stored))
        assert np.abs(runner.predict(examples) - zoo.keras(examples)).max() < 0.1


@pytest.mark.parametrize("engine", ENGINES)
def test_tensors_are_described_alike(zoo, engine):
    with Runner(zoo.files["board"], engine=engine) as runner:
        (given,), (result,) = runner.inputs, runner.outputs
    assert given.name == "serving_default_input:0"
    assert (given.shape, given.dtype) == ((1, 8, 8, 1), np.int8)
    assert given.scale == pytest.approx(1 / 255, rel=0.02)
    assert given.zero_point == -128
    assert (result.shape, result.dtype) == ((1, 4), np.int8)
    assert (result.scale, result.zero_point) == (1 / 256, -128)


@needs_micro
def test_engines_differ_by_a_few_steps_at_most(zoo):
    """FACTS: XNNPACK and TFLite Micro up to 4 steps."""
    examples = zoo.hidden[0]
    answers = {}
    for engine in ("litert", "builtin", "reference", "micro"):
        with Runner(zoo.files["board"], engine=engine) as runner:
            answers[engine] = runner(runner.inputs[0].quantize(examples)).astype(int)
    for engine in HERE:
        assert np.abs(answers[engine] - answers["micro"]).max() <= 4


@pytest.mark.parametrize("isolated", [True, False, None])
def test_where_it_runs_changes_nothing(zoo, isolated):
    examples = zoo.hidden[0][:20]
    with Runner(zoo.files["int8"], isolated=isolated) as runner:
        answers = runner.predict(examples)
    with Runner(zoo.files["int8"]) as other:
        np.testing.assert_array_equal(answers, other.predict(examples))


def test_a_batch_larger_than_a_message_arrives_whole(zoo, monkeypatch):
    monkeypatch.setattr("course.tflite.run._MESSAGE_EXAMPLES", 7)
    with Runner(zoo.files["float"], isolated=True) as there, Runner(zoo.files["float"]) as here:
        np.testing.assert_array_equal(there(zoo.hidden[0]), here(zoo.hidden[0]))


@pytest.mark.parametrize("engine", ENGINES)
def test_no_examples_give_no_answers(zoo, engine):
    with Runner(zoo.files["float"], engine=engine) as runner:
        assert runner(np.zeros((0, 8, 8, 1), np.float32)).shape == (0, 4)


def test_several_inputs_and_outputs_keep_the_order_of_keras():
    from course.tflite import convert
    from course.training import keras

    first, second = keras.Input((4,)), keras.Input((2,))
    both = keras.layers.Concatenate()([first, second])
    model = keras.Model(
        [first, second], [keras.layers.Dense(3)(both), keras.layers.Dense(5)(first)]
    )
    rng = np.random.default_rng(0)
    given = [rng.normal(size=(6, n)).astype(np.float32) for n in (4, 2)]
    with Runner(convert(model)) as runner:
        assert [info.shape for info in runner.inputs] == [(1, 4), (1, 2)]
        answers = runner(*given)
        for answer, expected in zip(answers, model(given), strict=True):
            np.testing.assert_allclose(answer, expected, atol=1e-5)
        single = runner(given[0][0], given[1][0])
        assert [answer.shape for answer in single] == [(3,), (5,)]
        assert "2 inputs" in refusal_of(runner, given[0])
        assert "different numbers of examples: 6, 5" in refusal_of(runner, given[0], given[1][:5])
        assert "one alone" in refusal_of(runner, given[0], given[1][0])


def test_lists_and_doubles_are_taken_for_float_inputs(zoo):
    examples = zoo.hidden[0][:3]
    with Runner(zoo.files["float"]) as runner:
        expected = runner(examples)
        np.testing.assert_array_equal(runner(examples.tolist()), expected)
        np.testing.assert_array_equal(runner(examples.astype(np.float64)), expected)
        # Arrays that are not in the order of C.
        np.testing.assert_array_equal(runner(np.asfortranarray(examples)), expected)


def test_a_call_in_this_process_costs_microseconds(zoo):
    with Runner(zoo.files["board"]) as runner:
        example = runner.inputs[0].quantize(zoo.hidden[0][0])
        took = []
        for _ in range(300):
            started = time.perf_counter()
            runner(example)
            took.append(time.perf_counter() - started)
    # 16 microseconds on an idle machine.
    assert np.median(took) < 1e-3


def test_threads_share_a_runner(zoo):
    examples = zoo.hidden[0][:64]
    with Runner(zoo.files["float"], isolated=True) as runner:
        expected = runner(examples)
        wrong = []

        def use():
            for _ in range(5):
                if not np.array_equal(runner(examples), expected):
                    wrong.append(1)

        threads = [threading.Thread(target=use) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert wrong == []


def test_a_runner_says_what_it_is(zoo):
    with Runner(zoo.files["board"]) as runner:
        assert repr(runner) == (
            f"Runner(LiteRT, {len(zoo.files['board']):,} bytes: int8 (1, 8, 8, 1) → int8 (1, 4))"
        )


# --- wrong input ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def float_runner(zoo):
    with Runner(zoo.files["float"]) as runner:
        yield runner


@pytest.fixture(scope="module")
def int8_runner(zoo):
    with Runner(zoo.files["int8"]) as runner:
        yield runner


@pytest.mark.parametrize("shape", [(8, 8), (1, 8, 8), (2, 8, 8, 3), (64,), (1, 1, 8, 8, 1), ()])
def test_a_wrong_shape_is_told_with_both_shapes(float_runner, shape):
    sentence = refusal_of(float_runner, np.zeros(shape, np.float32))
    assert f"has shape {shape}" in sentence
    assert "(8, 8, 1) or a batch (N, 8, 8, 1)" in sentence


@pytest.mark.parametrize(("bad", "word"), [(np.nan, "NaN"), (np.inf, "infinity")])
def test_numbers_that_are_none_are_refused(float_runner, int8_runner, bad, word):
    example = np.zeros((8, 8, 1), np.float32)
    example[2, 2] = bad
    assert word in refusal_of(float_runner, example)
    assert word in refusal_of(int8_runner.predict, example)


def test_large_numbers_whose_sum_overflows_are_not_infinite(float_runner):
    assert float_runner(np.full((8, 8, 1), 3e38, np.float32)).shape == (4,)


@pytest.mark.parametrize("dtype", [np.float32, np.uint8, np.int16, np.int64])
def test_an_integer_input_takes_its_own_dtype_only(int8_runner, dtype):
    sentence = refusal_of(int8_runner, np.zeros((8, 8, 1), dtype))
    assert f"is {np.dtype(dtype)} and the model takes int8" in sentence
    assert "predict" in sentence


def test_predict_does_not_quantize_twice(int8_runner):
    assert "already quantized" in refusal_of(int8_runner.predict, np.zeros((8, 8, 1), np.int8))


@pytest.mark.parametrize("bad", [[[1, 2], [3]], "text", None, [object()], np.zeros(3, complex)])
def test_what_is_no_array_of_numbers_is_refused(float_runner, bad):
    refusal_of(float_runner, bad)


def test_a_wrong_number_of_inputs_is_refused(float_runner):
    example = np.zeros((8, 8, 1), np.float32)
    assert "1 input (" in refusal_of(float_runner, example, example)


# --- wrong models and options ---------------------------------------------------------------------


@pytest.mark.parametrize("isolated", [True, None])
@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("length", [8, 20, 100, 1000, 3000])
def test_a_truncated_file_is_told_as_such(zoo, engine, length, isolated):
    data = zoo.files["int8"][:length]
    assert "cut short" in refusal_of(Runner, data, engine=engine, isolated=isolated)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "it is empty"),
        (b"PK\x03\x04" + bytes(100), "zip archive"),
        (b"{}" * 50, "something else"),
        (b"TFL3", "something else"),
        (42, "not an int"),
    ],
)
def test_what_is_no_model_is_refused_at_once(data, words):
    assert words in refusal_of(read_model, data)


def test_a_keras_model_is_told_to_be_converted(zoo):
    assert "convert(model)" in refusal_of(Runner, zoo.keras)


def test_a_missing_file_is_named(tmp_path):
    assert "nowhere.tflite" in refusal_of(Runner, tmp_path / "nowhere.tflite")
    refusal_of(Runner, tmp_path)
    refusal_of(Runner, "no\0name")


def test_a_path_is_read(zoo, tmp_path):
    path = tmp_path / "größe.tflite"
    path.write_bytes(zoo.files["float"])
    for name in (path, str(path)):
        with Runner(name) as runner:
            assert runner.inputs[0].shape == (1, 8, 8, 1)


@pytest.mark.parametrize(
    "options",
    [
        {"engine": "gpu"},
        {"threads": 0},
        {"threads": 1.5},
        {"threads": True},
        {"engine": "micro", "threads": 2},
        {"engine": "micro", "isolated": False},
        {"engine": "micro", "arena_bytes": 0},
        {"engine": "micro", "arena_bytes": "4k"},
        {"engine": "micro", "arena_bytes": 2 << 30},
        {"arena_bytes": 4096},
        {"seconds": 0},
        {"seconds": float("nan")},
    ],
)
def test_wrong_options_are_refused(zoo, options):
    refusal_of(Runner, zoo.files["float"], **options)


def test_without_tflite_micro_another_engine_is_named(zoo, monkeypatch):
    monkeypatch.setattr("course.tflite.run.micro_here", lambda: False)
    assert "engine='reference'" in refusal_of(Runner, zoo.files["float"], engine="micro")


@needs_micro
@pytest.mark.parametrize(("name", "words"), [("dynamic", "hybrid"), ("float16", "float16 weights")])
def test_what_tflite_micro_says_on_stderr_reaches_the_message(zoo, name, words):
    assert words in refusal_of(Runner, zoo.files[name], engine="micro")


@needs_micro
@pytest.mark.parametrize("arena_bytes", [1, 16, 500, 1000, 2000])
def test_a_small_arena_is_told_as_such(zoo, arena_bytes):
    sentence = refusal_of(Runner, zoo.files["board"], engine="micro", arena_bytes=arena_bytes)
    assert f"{arena_bytes:,} bytes is" in sentence
    assert "too small" in sentence


def test_a_closed_runner_says_so(zoo):
    example = zoo.hidden[0][0]
    for isolated in (True, False):
        runner = Runner(zoo.files["float"], isolated=isolated)
        runner.close()
        runner.close()
        assert "closed" in refusal_of(runner, example)


def test_structure_describes_operators_and_tensors(zoo):
    record = structure(zoo.files["board"])
    names = [operator["name"] for operator in record["operators"]]
    assert names == ["CONV_2D", "MAX_POOL_2D", "RESHAPE", "FULLY_CONNECTED", "FULLY_CONNECTED",
                     "SOFTMAX"]  # fmt: skip
    given = record["tensors"][record["inputs"][0]]
    assert (given["shape"], given["signature"]) == ([1, 8, 8, 1], [1, 8, 8, 1])
    free = structure(zoo.files["dynamic batch"])
    assert free["tensors"][free["inputs"][0]]["signature"] == [-1, 8, 8, 1]
    assert "cut short" in refusal_of(structure, zoo.files["board"][:1000])


# --- processes ------------------------------------------------------------------------------------


@pytest.fixture
def no_idle_worker():
    """Workers of other tests are ended, so that this test's are the only ones."""
    _child._end_idle_workers()
    yield
    _child._end_idle_workers()


def test_an_endless_model_is_stopped(endless):
    started = time.monotonic()
    with Runner(endless, isolated=True, seconds=1) as runner:
        assert "within 1 seconds" in refusal_of(runner, [[1.0]])
        assert time.monotonic() - started < 10
        assert "within 1 seconds" in refusal_of(runner, [[1.0]]), "the next call starts anew"


def test_an_endless_model_never_gets_into_this_process(endless):
    assert "within 1 seconds" in refusal_of(Runner, endless, seconds=1)


@needs_posix
def test_interrupting_ends_the_worker_and_the_next_call_works(zoo, endless):
    timer = threading.Timer(1, os.kill, [os.getpid(), signal.SIGINT])
    with Runner(endless, isolated=True) as runner:
        worker = runner._worker
        timer.start()
        with pytest.raises(KeyboardInterrupt):
            runner([[1.0]])
        assert worker._process.poll() is not None
    with Runner(zoo.files["float"], isolated=True) as runner:
        assert runner(zoo.hidden[0][:2]).shape == (2, 4)


@needs_posix
def test_a_worker_dies_with_its_parent_even_while_it_computes(endless, tmp_path):
    path = tmp_path / "endless.tflite"
    path.write_bytes(endless)
    program = (
        "import os, threading\nfrom course.tflite import Runner\n"
        f"runner = Runner({str(path)!r}, isolated=True)\n"
        "threading.Thread(target=lambda: runner([[1.0]]), daemon=True).start()\n"
        "import time; time.sleep(0.5)\n"
        "print(runner._worker._process.pid, flush=True)\n"
        "os.kill(os.getpid(), 9)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    group = int(done.stdout)
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline and _runs(group):
        time.sleep(0.05)
    assert not _runs(group)


def _runs(group):
    """Whether a process group has a process that is no zombie."""
    import psutil

    for process in psutil.process_iter():
        try:
            if os.getpgid(process.pid) == group and process.status() != psutil.STATUS_ZOMBIE:
                return True
        except (OSError, psutil.Error):
            continue
    return False


@needs_posix
def test_a_forgotten_runner_leaves_no_process(zoo, no_idle_worker):
    runner = Runner(zoo.files["float"], isolated=True)
    process = runner._worker._process
    del runner
    assert process.wait(5) is not None


@needs_posix
def test_closing_keeps_one_worker_for_the_next_model(zoo, no_idle_worker):
    first = Runner(zoo.files["float"], isolated=True)
    process = first._worker._process
    first.close()
    with Runner(zoo.files["int8"], isolated=True) as second:
        assert second._worker._process is process


@needs_posix
def test_a_killed_worker_is_replaced(zoo):
    example = zoo.hidden[0][0]
    with Runner(zoo.files["float"], isolated=True) as runner:
        expected = runner(example)
        os.killpg(runner._worker._process.pid, signal.SIGKILL)
        sentence = refusal_of(runner, example)
        assert sentence.startswith("LiteRT ")
        np.testing.assert_array_equal(runner(example), expected)


def test_where_systems_cannot_fork_the_worker_serves_models_itself(
    zoo, endless, monkeypatch, no_idle_worker
):
    program = "from course.tflite import _worker; _worker._FORKS = False; _worker.main()"
    monkeypatch.setattr(_child, "_COMMAND", (sys.executable, "-P", "-c", program))
    for name in ("float", "int8"):
        with Runner(zoo.files[name], isolated=True) as there, Runner(zoo.files[name]) as here:
            np.testing.assert_array_equal(
                there.predict(zoo.hidden[0][:5]), here.predict(zoo.hidden[0][:5])
            )
    assert "cut short" in refusal_of(Runner, zoo.files["int8"][:900], isolated=True)
    with Runner(endless, isolated=True, seconds=1) as runner:
        assert "within 1 seconds" in refusal_of(runner, [[1.0]])


@needs_posix
def test_a_forked_process_starts_workers_of_its_own(zoo):
    example = zoo.hidden[0][0]
    with Runner(zoo.files["float"], isolated=True) as runner:
        expected = runner(example)
        child = os.fork()
        if child == 0:
            code = 1
            try:
                with Runner(zoo.files["float"], isolated=True) as own:
                    code = 0 if np.array_equal(own(example), expected) else 2
            finally:
                os._exit(code)
        assert os.waitpid(child, 0)[1] == 0
        np.testing.assert_array_equal(runner(example), expected)


# --- quantizing -----------------------------------------------------------------------------------


def test_quantizing_saturates_and_rounds_to_the_nearest():
    info = TensorInfo("x", (1, 1), np.dtype("int8"), 0.5, 10)
    np.testing.assert_array_equal(
        info.quantize([-1e9, -69.2, 0, 0.2, 0.3, 58.5, 1e9]), [-128, -128, 10, 10, 11, 127, 127]
    )
    assert info.quantize([0.0]).dtype == np.int8


def test_quantizing_and_back_is_off_by_half_a_step_at_most():
    info = TensorInfo("x", (1, 1), np.dtype("uint8"), 0.031, 77)
    values = np.linspace(-2.3, 5.4, 1000)
    assert np.abs(info.dequantize(info.quantize(values)) - values).max() <= 0.031 / 2 + 1e-6


def test_a_float_tensor_keeps_real_numbers():
    info = TensorInfo("x", (1, 1), np.dtype("float32"))
    assert info.quantize([1.25]).tolist() == [1.25]
    assert info.dequantize(np.float32([1.25])).tolist() == [1.25]
