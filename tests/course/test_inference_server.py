"""The inference server: a real child process, real HTTP, a real model, and no orphan."""

import contextlib
import http.client
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from urllib.parse import urlsplit

import flatbuffers
import numpy as np
import psutil
import pytest

from course import inference_server
from course.inference_server import InferenceServer, InProcess, Remote, ServerError, serve

LABELS = ("x", "y", "z")


@pytest.fixture(scope="module")
def model():
    """A .tflite with one operator, the mean of four readings: (1, 4, 3) to (1, 3)."""
    from ai_edge_litert import schema_py_generated as schema

    def tensor(name, shape, kind, buffer):
        one = schema.TensorT()
        one.name, one.shape, one.type, one.buffer = name, shape, kind, buffer
        return one

    axis = schema.BufferT()
    axis.data = np.array([1], np.int32).tobytes()
    code = schema.OperatorCodeT()
    code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.MEAN
    code.version = 1
    mean = schema.OperatorT()
    mean.opcodeIndex, mean.inputs, mean.outputs = 0, [0, 1], [2]
    mean.builtinOptionsType = schema.BuiltinOptions.ReducerOptions
    mean.builtinOptions = schema.ReducerOptionsT()
    graph = schema.SubGraphT()
    graph.tensors = [
        tensor("readings", [1, 4, 3], schema.TensorType.FLOAT32, 0),
        tensor("axis", [1], schema.TensorType.INT32, 1),
        tensor("scores", [1, 3], schema.TensorType.FLOAT32, 0),
    ]
    graph.inputs, graph.outputs, graph.operators = [0], [2], [mean]
    whole = schema.ModelT()
    whole.version, whole.operatorCodes, whole.subgraphs = 3, [code], [graph]
    whole.buffers = [schema.BufferT(), axis]
    builder = flatbuffers.Builder(1024)
    builder.Finish(whole.Pack(builder), b"TFL3")
    return bytes(builder.Output())


@pytest.fixture(scope="module")
def server(model):
    with InferenceServer(model, LABELS) as started:
        yield started


@pytest.fixture
def window():
    return np.arange(12, dtype=np.float32).reshape(4, 3)


def ask(server, method, path, body=None, headers=None):
    """One request by hand: status and JSON."""
    parts = urlsplit(server.url)
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=30)
    try:
        connection.request(method, path, body, headers or {})
        response = connection.getresponse()
        return response.status, json.loads(response.read())
    finally:
        connection.close()


def gone(process_id, seconds=20):
    """Whether a process ends within some seconds; a zombie has ended."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        with contextlib.suppress(psutil.NoSuchProcess):
            if psutil.Process(process_id).status() != psutil.STATUS_ZOMBIE:
                time.sleep(0.1)
                continue
        return True
    return False


def test_raw_float32_bytes_are_answered_with_the_models_scores(server, window):
    status, answer = ask(server, "POST", "/predict", window.astype("<f4").tobytes())
    assert status == 200
    assert answer["scores"] == window.mean(axis=0).tolist()
    assert answer["label"] == "z"
    assert answer["milliseconds"] >= 0


@pytest.mark.parametrize("wrap", [lambda rows: rows, lambda rows: {"window": rows}])
def test_json_is_answered_with_the_same_scores(server, window, wrap):
    headers = {"Content-Type": "application/json; charset=utf-8"}
    status, answer = ask(server, "POST", "/predict", json.dumps(wrap(window.tolist())), headers)
    assert (status, answer["scores"]) == (200, window.mean(axis=0).tolist())


def test_the_client_gives_what_the_model_gives_in_process(server, model, window):
    remote = Remote(server.url)
    assert np.array_equal(remote.predict(window), InProcess(model).predict(window))
    assert remote.predict(window.tolist()).dtype == np.float32


def test_health_says_what_is_served(server, model):
    assert Remote(server.url).health() == {
        "ready": True,
        "input": [1, 4, 3],
        "labels": list(LABELS),
        "model_bytes": len(model),
    }


@pytest.mark.parametrize(
    ("body", "kind", "said"),
    [
        (b"", "", "0 bytes"),
        (b"\0" * 47, "", "48 bytes"),
        (np.full(12, np.nan, "<f4").tobytes(), "", "NaN"),
        (b"{", "application/json", "JSON must be"),
        (b'{"rows": []}', "application/json", "JSON must be"),
        (b'[[1, "a", 3]]', "application/json", "JSON must be"),
        (b"[1, 2, 3]", "application/json", "4"),
        (json.dumps(np.zeros((2, 4, 3)).tolist()).encode(), "application/json", "One window"),
        (b"[" * 100_000, "application/json", "JSON must be"),
    ],
)
def test_a_bad_window_is_refused_with_a_sentence(server, body, kind, said):
    status, answer = ask(server, "POST", "/predict", body, {"Content-Type": kind})
    assert status == 400
    assert said in answer["error"]
    assert Remote(server.url).health()["ready"]


@pytest.mark.parametrize(
    ("method", "path", "status"), [("GET", "/predict", 405), ("POST", "/health", 405),
                                   ("GET", "/", 404), ("POST", "/models/x", 404)],
)  # fmt: skip
def test_other_paths_and_methods_are_answered_in_json(server, method, path, status):
    got, answer = ask(server, method, path)
    assert got == status
    assert "/predict" in answer["error"]


def test_a_page_that_reaches_it_by_another_name_is_refused(server, window):
    status, _ = ask(server, "POST", "/predict", window.tobytes(), {"Host": "evil.example:80"})
    assert status == 403


def test_it_listens_on_loopback_only(server):
    (place,) = [
        connection.laddr.ip
        for connection in psutil.Process(server.process_id).net_connections("tcp")
        if connection.status == psutil.CONN_LISTEN
    ]
    assert place == "127.0.0.1"


def test_the_client_passes_on_why_a_window_was_refused(server):
    with pytest.raises(ServerError, match=r"takes 4×3 float32 values, which are 48 bytes\."):
        Remote(server.url).predict(np.zeros((5, 3)))


def test_the_process_ends_with_the_block_and_a_client_says_so(model, window):
    with InferenceServer(model) as server:
        url, process_id = server.url, server.process_id
        remote = Remote(url)
        remote.predict(window)
    assert gone(process_id)
    with pytest.raises(ServerError, match="cannot be reached"):
        remote.predict(window)
    server.stop()
    assert repr(server) == "InferenceServer, not running"


def test_the_process_ends_when_the_block_raises(model):
    ids = []

    def interrupted():
        with InferenceServer(model) as server:
            ids.append(server.process_id)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert gone(ids[0])


@pytest.mark.skipif(os.name != "posix", reason="kills a process the POSIX way")
def test_the_process_ends_when_its_parent_is_killed(model, tmp_path):
    path = tmp_path / "model.tflite"
    path.write_bytes(model)
    code = (
        "import sys, time\n"
        "from course.inference_server import InferenceServer\n"
        "server = InferenceServer(sys.argv[1]).start()\n"
        "print(server.process_id, flush=True)\n"
        "time.sleep(100)\n"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", code, str(path)], stdout=subprocess.PIPE, text=True
    )
    child = int(parent.stdout.readline())
    os.kill(parent.pid, signal.SIGKILL)
    parent.wait(10)
    parent.stdout.close()
    assert gone(child)


@pytest.mark.skipif(os.name != "posix", reason="sends Ctrl-C the POSIX way")
def test_control_c_does_not_reach_the_server(server, window):
    assert os.getpgid(server.process_id) != os.getpgid(0)
    assert Remote(server.url).predict(window).shape == (3,)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (b"", "needs a .tflite model"),
        (b"PK\x03\x04 and so on", "needs a .tflite model"),
        ("nowhere.tflite", "cannot be read: No such file"),
        (b"\0\0\0\0TFL3" + b"\xff" * 200, r"\.$"),
    ],
)
def test_what_is_no_model_is_refused_in_a_sentence(wrong, said):
    server = InferenceServer(wrong)
    with pytest.raises(ServerError, match=said):
        server.start()
    assert server.process_id == 0


def test_starting_is_bounded(model, monkeypatch):
    ended = []
    monkeypatch.setattr(
        inference_server, "_end", lambda process: (process.kill(), ended.append(process.wait()))
    )
    with pytest.raises(ServerError, match="did not answer within 0 s"):
        InferenceServer(model, start_seconds=0.01).start()
    assert ended


def test_a_client_waits_no_longer_than_asked(model, window):
    with InferenceServer(model) as server:
        remote = Remote(server.url)
        remote.predict(window)
        frozen = psutil.Process(server.process_id)
        frozen.suspend()
        began = time.monotonic()
        try:
            with pytest.raises(ServerError, match="within 100 ms"):
                remote.predict(window, timeout_ms=100)
        finally:
            frozen.resume()
        assert time.monotonic() - began < 5
        assert np.array_equal(remote.predict(window), window.mean(axis=0))


@pytest.mark.skipif(
    not shutil.which("unshare")
    or subprocess.run(["unshare", "-rn", "true"], capture_output=True).returncode != 0,
    reason="needs to make a network namespace",
)
def test_where_the_loopback_network_is_down_a_notebook_gets_the_model_in_process(model, tmp_path):
    path = tmp_path / "model.tflite"
    path.write_bytes(model)
    code = (
        "import sys\n"
        "import numpy as np\n"
        "from course.inference_server import serve\n"
        "server = serve(sys.argv[1])\n"
        "print(server.live, server.predict(np.ones((4, 3))).tolist())\n"
    )
    done = subprocess.run(
        ["unshare", "-rn", sys.executable, "-c", code, str(path)],
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert "no loopback network" in done.stdout
    assert "False [1.0, 1.0, 1.0]" in done.stdout
    assert done.stderr == ""


@pytest.mark.parametrize("url", ["", "ftp://127.0.0.1:80", "http://127.0.0.1", "nonsense"])
def test_an_address_that_is_none_is_refused(url):
    with pytest.raises(ServerError, match="is not the address"):
        Remote(url)


def test_a_notebook_gets_a_live_server_and_one_line(model, window, capsys):
    remote = serve(model, LABELS)
    assert remote.live
    assert remote.predict(window).tolist() == window.mean(axis=0).tolist()
    assert capsys.readouterr().out.count("\n") == 1
    process_id = remote._server.process_id
    del remote
    assert gone(process_id)


def test_without_a_network_the_model_answers_in_process_and_says_so(
    model, window, monkeypatch, capsys
):
    def no_network(self):
        raise ServerError("This machine has no loopback network.")

    monkeypatch.setattr(InferenceServer, "start", no_network)
    local = serve(model, LABELS)
    assert not local.live
    assert local.predict(window).tolist() == window.mean(axis=0).tolist()
    said = capsys.readouterr().out
    assert said.count("\n") == 1
    assert "simulate their time" in said
