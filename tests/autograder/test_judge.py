"""The judge's process: what it cannot read, what ends it, and that this costs one check only."""

import json
import os
import random
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograder import Finding, Verdict, evidence, judge, notebook
from autograder.sandbox import SandboxError

posix = pytest.mark.skipif(os.name != "posix", reason="Pipes and links of POSIX.")

MUTANTS = 24


@pytest.fixture
def give(tmp_path):
    """Writes evidence by check name; returns its folder."""

    def write(**answers):
        folder = tmp_path / "evidence"
        for name, answer in answers.items():
            evidence.save(folder / name, answer)
        return folder

    return write


def sentence(verdict):
    (finding,) = verdict.findings
    assert not finding.holds
    assert verdict.score == 0
    return finding.text


# --- verdicts ---------------------------------------------------------------------------------


def test_a_child_gives_the_verdicts_that_this_process_would_give(kinds, kinds_path, give):
    chosen = [kinds[name] for name in ("anything", "word", "arrays", "letter", "app")]
    right = [values for values, _ in kinds["arrays"].draw(3).calls]
    folder = give(anything=42, word="running", arrays=right, letter="b")
    found = judge.judge_folder(kinds_path, chosen, folder, seed=3)
    assert found == judge.judge_here(chosen, folder, seed=3)
    assert {name: verdict.score for name, verdict in found.items()} == {
        "anything": 1, "word": 0, "arrays": 2, "letter": 1, "app": 0
    }  # fmt: skip
    assert "the check's cell did not finish" in sentence(found["app"])


def test_evidence_for_one_seed_is_wrong_for_another(kinds, kinds_path, give):
    right = [values for values, _ in kinds["arrays"].draw(3).calls]
    found = judge.judge_folder(kinds_path, [kinds["arrays"]], give(arrays=right), seed=4)
    assert found["arrays"].score == 0


def test_two_judges_can_work_at_once(kinds, kinds_path, give):
    folder = give(anything=42)

    def judged(seed):
        return judge.judge_folder(kinds_path, [kinds["anything"]], folder, seed=seed)

    with ThreadPoolExecutor(2) as pool:
        assert all(found["anything"].passed for found in pool.map(judged, range(4)))


# --- a judge that fails -----------------------------------------------------------------------


@pytest.fixture
def fragile(tmp_path, kinds_path):
    """Checks like `Fragile`, called one, two and so on."""
    path = tmp_path / "checks.py"
    more = [
        f"class {name}(Fragile):\n    pass\n" for name in ("One", "Two", "Three", "Four", "Five")
    ]
    path.write_text("\n\n".join([kinds_path.read_text("utf-8"), *more]), "utf-8")
    checks = notebook.load_checks(path)
    return path, [checks[name] for name in ("one", "two", "three", "four", "five")]


@posix
def test_a_judge_that_dies_hangs_or_eats_memory_costs_its_check_only(fragile, give, monkeypatch):
    monkeypatch.setattr(judge, "START_SECONDS", 3)
    path, checks = fragile
    folder = give(one="abort", two="fine", three="exit", four="memory", five="hang")
    started = time.monotonic()
    found = judge.judge_folder(path, checks, folder, seed=0)
    assert time.monotonic() - started < 30
    assert set(found) == {check.name for check in checks}
    assert found["two"].passed
    assert "The process that reads your answer stopped: it aborted" in sentence(found["one"])
    assert "it ended with exit code 3" in sentence(found["three"])
    assert "MemoryError" in sentence(found["four"])
    assert "it ran longer than" in sentence(found["five"])
    assert "Mend that, run the task's cell" in sentence(found["five"])


def test_a_judge_that_raises_is_a_finding(kinds, kinds_path, give):
    found = judge.judge_folder(kinds_path, [kinds["fragile"]], give(fragile="raise"), seed=0)
    assert "could not read this answer (ZeroDivisionError: odd)" in sentence(found["fragile"])


def test_a_judge_that_cannot_start_is_our_fault_and_no_verdict(kinds, tmp_path, give):
    (tmp_path / "checks.py").write_text("import no_such_package\n", "utf-8")
    with pytest.raises(SandboxError, match="No module named 'no_such_package'"):
        judge.judge_folder(tmp_path / "checks.py", [kinds["word"]], give(anything=42), seed=0)


def test_an_interrupt_ends_the_judge(kinds, kinds_path, give):
    def stop():
        raise KeyboardInterrupt

    before = threading.active_count()
    with pytest.raises(KeyboardInterrupt):
        judge.judge_folder(
            kinds_path, [kinds["fragile"]], give(fragile="hang"), seed=0, on_tick=stop
        )
    assert threading.active_count() == before


# --- a judge that stays -----------------------------------------------------------------------


@pytest.fixture
def court():
    made = judge.Court()
    yield made
    made.close()
    assert not made._folder.exists()


stays = pytest.mark.skipif(not judge.Court.possible(), reason="Only Linux forks safely.")


@stays
def test_a_judge_that_stays_gives_the_same_verdicts(kinds, kinds_path, give, court):
    chosen = [kinds[name] for name in ("anything", "word", "arrays", "letter", "app")]
    right = [values for values, _ in kinds["arrays"].draw(3).calls]
    folder = give(anything=42, word="running", arrays=right, letter="b")
    alone = judge.judge_folder(kinds_path, chosen, folder, seed=3)
    assert judge.judge_folder(kinds_path, chosen, folder, seed=3, court=court) == alone
    assert alone["arrays"].passed


@stays
def test_the_evidence_of_one_submission_is_gone_before_the_next_is_judged(
    kinds, kinds_path, give, court
):
    chosen = [kinds["anything"], kinds["letter"]]
    first = judge.judge_folder(
        kinds_path, chosen, give(anything=42, letter="b"), seed=3, court=court
    )
    resident = court._resident
    second = judge.judge_folder(kinds_path, chosen, give(letter="b"), seed=3, court=court)
    nothing = give().with_name("none")
    third = judge.judge_folder(kinds_path, chosen, nothing, seed=3, court=court)
    assert [verdicts["anything"].passed for verdicts in (first, second, third)] == [
        True, False, False
    ]  # fmt: skip
    assert not any(verdict.passed for verdict in third.values())
    assert court._resident is resident, "Python was started once for all three."


@stays
def test_a_judge_that_stays_loses_one_check_to_each_death_too(fragile, give, court):
    path, checks = fragile
    folder = give(one="abort", two="fine", three="exit", four="memory", five="hang")
    found = judge.judge_folder(path, checks, folder, seed=0, court=court)
    assert found["two"].passed
    assert "The process that reads your answer stopped: it aborted" in sentence(found["one"])
    assert "it ended with exit code 3" in sentence(found["three"])
    assert "MemoryError" in sentence(found["four"])
    assert "it ran longer than" in sentence(found["five"])
    again = judge.judge_folder(path, checks[:1], give(one="fine"), seed=1, court=court)
    assert again["one"].passed


@stays
def test_an_interrupt_ends_a_judge_that_stays(kinds, kinds_path, give, court):
    def stop():
        raise KeyboardInterrupt

    chosen = [kinds["fragile"]]
    with pytest.raises(KeyboardInterrupt):
        judge.judge_folder(
            kinds_path, chosen, give(fragile="hang"), seed=0, on_tick=stop, court=court
        )
    assert not court._resident.alive
    found = judge.judge_folder(kinds_path, chosen, give(fragile="fine"), seed=0, court=court)
    assert found["fragile"].passed


@stays
def test_a_judge_that_was_killed_is_replaced(kinds, kinds_path, give, court):
    chosen = [kinds["anything"]]
    for answer in (42, 41, 42):
        found = judge.judge_folder(kinds_path, chosen, give(anything=answer), seed=3, court=court)
        assert found["anything"].passed == (answer == 42)
        os.killpg(court._resident._process.pid, signal.SIGKILL)


# --- what comes back from a child ---------------------------------------------------------------


def lines(*verdicts):
    return [json.dumps(verdict.to_json()) for verdict in verdicts]


@pytest.fixture
def read(tmp_path, kinds):
    def parse(text):
        path = tmp_path / "verdicts.jsonl"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return judge._read(path, [kinds["anything"], kinds["arrays"]])

    return parse


def test_whole_lines_are_read(read):
    first, second = Verdict("anything", 1, (Finding("a", True),)), Verdict("arrays", 2)
    assert read("\n".join(lines(first, second))) == {"anything": first, "arrays": second}


def test_a_line_cut_anywhere_is_left_out(read):
    whole = Verdict("anything", 1, (Finding("a", True),))
    first, second = lines(whole, Verdict("arrays", 2, (Finding("b", True), Finding("c", False))))
    for length in range(len(second)):
        assert read(f"{first}\n{second[:length]}") == {"anything": whole}


@pytest.mark.parametrize(
    "line",
    [
        "[]", "3", "null", "{}", '"text"', "[" * 5000,
        '{"check": "anything"}',
        '{"check": ["anything"], "points": 1, "findings": []}',
        '{"check": "anything", "points": 1, "findings": 3}',
        '{"check": "anything", "points": 1, "findings": [3]}',
        '{"check": "anything", "points": 1, "findings": [{"title": "a"}]}',
        '{"check": "anything", "points": 1, "findings": [{"title": 3, "holds": true}]}',
        '{"check": "anything", "points": 1, "findings": '
        '[{"title": "a", "holds": true, "more": 1}]}',
        '{"check": "anything", "points": 1, "findings": '
        '[{"title": "a", "holds": true, "weight": "many"}]}',
        '{"check": "anything", "points": 1, "findings": '
        '[{"title": "a", "holds": true, "weight": 2}, '
        '{"title": "a", "holds": false, "weight": -1}]}',
        '{"check": "of_another_module", "points": 1, "findings": []}',
        b"\xff\xfe",
    ],
)  # fmt: skip
def test_a_line_that_no_judge_writes_is_left_out(read, line):
    assert read(line) == {}


def test_points_are_the_checks_own(read):
    assert read(lines(Verdict("anything", 1000, (Finding("a", True),)))[0])["anything"].score == 1


def test_no_file_is_no_verdict(tmp_path, kinds):
    assert judge._read(tmp_path / "nowhere", [kinds["anything"]]) == {}


@given(st.binary(max_size=60))
def test_any_bytes_are_read_without_a_sound(bytes_path, bytes_check, content):
    bytes_path.write_bytes(content)
    assert judge._read(bytes_path, [bytes_check]) == {}


@pytest.fixture(scope="module")
def bytes_path(tmp_path_factory):
    return tmp_path_factory.mktemp("verdicts") / "verdicts.jsonl"


@pytest.fixture(scope="module")
def bytes_check(kinds_path):
    return notebook.load_checks(kinds_path)["anything"]


# --- an answer that was refused when it was collected --------------------------------------------


@pytest.fixture
def refused(tmp_path, kinds):
    folder = tmp_path / "evidence" / "anything"
    folder.mkdir(parents=True)

    def judged():
        return sentence(judge.judge_here([kinds["anything"]], folder.parent, seed=0)["anything"])

    return folder / "refused.json", judged


def test_the_reason_of_a_refusal_is_shown(refused):
    path, judged = refused
    path.write_text(json.dumps("The answer is a Loud."), "utf-8")
    assert "The answer is a Loud." in judged()


@pytest.mark.parametrize(
    "content", [b"", b"{", b"\xff", b"[" * 9000, b"{}", b"3", b"null", b"x" * 20_000]
)
def test_a_forged_refusal_is_answered_in_words(refused, content):
    path, judged = refused
    path.write_bytes(content)
    assert len(judged()) < 1000


def test_a_refusal_is_cut_and_printable(refused):
    path, judged = refused
    path.write_text(json.dumps("\x1b[2J" + "x" * 5000), "utf-8")
    assert len(judged()) < 1000
    assert "\x1b" not in judged()


@posix
def test_a_refusal_that_is_no_file_is_answered_in_words(refused, tmp_path):
    path, judged = refused
    os.mkfifo(path)
    assert "not a regular file" in judged()
    path.unlink()
    path.mkdir()
    assert "not a regular file" in judged()
    path.rmdir()
    (tmp_path / "secret").write_text('"secret"')
    path.symlink_to(tmp_path / "secret")
    assert "secret" not in judged()


# --- models that harm their reader ---------------------------------------------------------------


@pytest.fixture(scope="session")
def tflite():
    """A model of one layer that adds two numbers, made by hand: TensorFlow takes ten seconds."""
    import flatbuffers
    from ai_edge_litert import schema_py_generated as schema

    def tensor(shape, buffer, name):
        made = schema.TensorT()
        made.shape, made.buffer, made.name = shape, buffer, name
        made.type = schema.TensorType.FLOAT32
        return made

    weights = schema.BufferT()
    weights.data = np.frombuffer(np.ones(2, "<f4").tobytes(), np.uint8)
    layer = schema.OperatorT()
    layer.opcodeIndex, layer.inputs, layer.outputs = 0, [0, 1, -1], [2]
    layer.builtinOptionsType = schema.BuiltinOptions.FullyConnectedOptions
    layer.builtinOptions = schema.FullyConnectedOptionsT()
    graph = schema.SubGraphT()
    graph.tensors = [tensor([1, 2], 0, b"in"), tensor([1, 2], 1, b"w"), tensor([1, 1], 0, b"out")]
    graph.inputs, graph.outputs, graph.operators = [0], [2], [layer]
    code = schema.OperatorCodeT()
    code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.FULLY_CONNECTED
    code.version = 1
    model = schema.ModelT()
    model.version, model.description = 3, b"sum"
    model.subgraphs, model.operatorCodes = [graph], [code]
    model.buffers = [schema.BufferT(), weights]
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def test_a_model_is_judged_in_a_child(check, tflite, capfd):
    card = check.tiny_model(tflite)
    assert card.verdict.passed, str(card)
    assert capfd.readouterr().err == ""


PAIRS = {
    "another function": (lambda row: row[:1], "0 of 4"),
    "a function that raises": (lambda row: 1 / 0, "ZeroDivisionError"),
    "NaN": (lambda row: row[:1] * np.nan, "NaN"),
    "the wrong shape": (lambda row: row, "shape"),
    "no function": (3, "needs a function"),
}


def test_a_model_that_gives_what_its_maker_got_is_accepted(check, tflite):
    assert check.same_sums((tflite, lambda row: row.sum(keepdims=True))).verdict.passed


@pytest.mark.parametrize("name", PAIRS)
def test_a_model_that_gives_something_else_is_refused(check, tflite, name):
    function, said = PAIRS[name]
    card = check.same_sums((tflite, function))
    assert not card.verdict.passed
    assert said in str(card)


@pytest.mark.parametrize("answer", [None, b"TFL3", (1, 2, 3), (None, len), ()])
def test_what_is_no_pair_of_model_and_function_gets_a_calm_card(check, answer):
    card = check.same_sums(answer)
    assert not card.verdict.passed
    assert "needs a" in str(card)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.99])
def test_a_truncated_model_gets_a_calm_card(check, tflite, share, capfd):
    card = check.tiny_model(tflite[: int(share * len(tflite))])
    assert not card.verdict.passed
    assert card.verdict.findings[0].text
    assert capfd.readouterr().err == ""


def test_damaged_models_never_take_this_process_down(tmp_path, kinds_path, tflite, give):
    names = [f"Mutant{number}" for number in range(MUTANTS)]
    path = tmp_path / "checks.py"
    more = [f"class {name}(TinyModel):\n    seconds = 5\n" for name in names]
    path.write_text("\n\n".join([kinds_path.read_text("utf-8"), *more]), "utf-8")
    checks = [found for found in notebook.load_checks(path).values() if "mutant" in found.name]
    chance = random.Random(1)
    for check in checks:
        mutant = bytearray(tflite)
        for _ in range(chance.randint(1, 12)):
            mutant[chance.choice([*range(4), *range(8, len(mutant))])] = chance.randrange(256)
        check.evidence.collect(bytes(mutant), None, tmp_path / "evidence" / check.name)
    found = judge.judge_folder(path, checks, tmp_path / "evidence", seed=0)
    assert len(found) == MUTANTS
    assert all(verdict.findings[0].text for verdict in found.values())


@pytest.mark.slow
def test_models_of_keras_and_its_converter_are_judged(check, tmp_path):
    tf = pytest.importorskip("tensorflow")
    keras = tf.keras
    keras.config.disable_interactive_logging()
    layer = keras.layers.Dense(1, use_bias=False, kernel_initializer="ones")
    model = keras.Sequential([keras.Input(batch_shape=(1, 2)), layer])
    converted = tf.lite.TFLiteConverter.from_keras_model(model).convert()
    assert check.tiny_model(converted).verdict.passed
    any_batch = keras.Sequential([keras.Input((2,)), layer])
    assert check.tiny_model(any_batch).verdict.passed
    hostile = keras.Sequential([keras.Input((2,)), keras.layers.Lambda(lambda x: x[:, :1])])
    hostile.save(tmp_path / "model.keras")
    with pytest.raises(ValueError, match="arbitrary code execution"):
        evidence.ModelFile(tmp_path / "model.keras", "keras").run(np.zeros((1, 2)))
