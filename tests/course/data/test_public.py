"""Public data sets: fetched once, resumed, checked, and calm when there is no network."""

import doctest
import errno
import hashlib
import io
import os
import socket
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from course import data as course_data
from course.data import public
from course.data.public import download, registry

CONTENT = np.random.default_rng(0).bytes(600_000)
NAME = "magic_wand"


class Server(ThreadingHTTPServer):
    """A server of one file, with the faults that servers have."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.content = CONTENT
        self.status = None
        self.knows_ranges = True
        self.says_length = True
        self.shift = 0
        self.dies_after = []
        self.asked = []

    def handle_error(self, *_):
        """Whoever hangs up in the middle does so on purpose here."""

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}/data.tar.gz"


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        server = self.server
        wanted = self.headers.get("Range")
        server.asked.append(wanted)
        start, body = 0, server.content
        status = server.status or 200
        if wanted and server.knows_ranges and status == 200:
            start = int(wanted.removeprefix("bytes=").removesuffix("-"))
            status = 206 if start < len(body) else 416
            body = body[start:] if status == 206 else b""
        self.send_response(status)
        if status == 206:
            first = start + server.shift
            self.send_header(
                "Content-Range", f"bytes {first}-{len(server.content) - 1}/{len(server.content)}"
            )
        if status == 416:
            self.send_header("Content-Range", f"bytes */{len(server.content)}")
        if server.says_length:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if server.dies_after:
            body = body[: server.dies_after.pop(0)]
        self.wfile.write(body)
        self.close_connection = True

    def log_message(self, *_):
        """Nothing on standard error."""


@pytest.fixture
def server():
    server = Server()
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def register(tmp_path, monkeypatch):
    """Put one file in the place of the whole registry."""

    def register(url, content=CONTENT, *, size=None, digest=None):
        digest = digest or hashlib.sha256(content).hexdigest()
        size = len(content) if size is None else size
        table = tmp_path / "registry.tsv"
        table.write_text(
            "name\turl\tbytes\tsha256\tlicence\n" + f"{NAME}\t{url}\t{size}\t{digest}\tCC0\n",
            encoding="utf-8",
        )
        monkeypatch.setattr(registry, "_FILE", table)

    return register


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_DATA", str(tmp_path / "cache"))
    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.setattr(download, "_PAUSE_S", 0)
    return tmp_path / "cache" / NAME


@pytest.fixture
def part(folder):
    folder.mkdir(parents=True)
    return folder / f"{NAME}.tar.gz.part"


def closed_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


# --- The cache ------------------------------------------------------------------------------


def test_a_fetched_file_is_kept_and_not_asked_for_again(server, register, folder):
    register(server.url)
    first, second = public.fetch(NAME), public.fetch(NAME)
    assert first == second == folder / f"{NAME}.tar.gz"
    assert first.read_bytes() == CONTENT
    assert server.asked == [None]
    assert [file.name for file in folder.iterdir()] == [f"{NAME}.tar.gz"]


def test_a_download_says_size_licence_and_folder_and_nothing_on_standard_error(
    server, register, folder, capsys
):
    register(server.url)
    public.fetch(NAME)
    told = capsys.readouterr()
    assert told.err == ""
    assert told.out == (
        f"Fetching {NAME} (600 kB, licence: CC0) from 127.0.0.1; it is kept in {folder}.\n"
    )


def test_a_description_knows_whether_the_file_is_here(server, register):
    register(server.url)
    before = public.describe(NAME)
    public.fetch(NAME)
    after = public.describe(NAME)
    assert (before.cached, after.cached) == (False, True)
    assert before.size == len(CONTENT)
    assert "Not fetched yet" in str(before)
    assert "Kept as" in str(after)


def test_a_damaged_copy_in_the_cache_is_set_aside_and_fetched_anew(
    server, register, folder, capsys
):
    register(server.url)
    kept = public.fetch(NAME)
    kept.write_bytes(b"scribbled over")
    assert public.fetch(NAME).read_bytes() == CONTENT
    assert (folder / f"{NAME}.tar.gz.damaged").read_bytes() == b"scribbled over"
    assert "damaged; it was moved to" in capsys.readouterr().out


def test_another_hash_than_sha_256_is_checked_too(server, register):
    register(server.url, digest="sha1:" + hashlib.sha1(CONTENT).hexdigest())
    assert public.fetch(NAME).read_bytes() == CONTENT
    register(server.url, digest="sha1:" + "0" * 40)
    with pytest.raises(public.FetchError, match="hash"):
        public.fetch(NAME)


def test_where_nothing_is_chosen_the_cache_is_poochs(monkeypatch):
    import pooch

    monkeypatch.delenv("COURSE_DATA")
    assert public.describe(NAME).files[0].is_relative_to(pooch.os_cache("on-device"))


# --- Resuming -------------------------------------------------------------------------------


def test_a_connection_that_breaks_is_continued_at_once(server, register):
    register(server.url)
    server.dies_after = [100_000, 250_000]
    assert public.fetch(NAME).read_bytes() == CONTENT
    assert server.asked == [None, "bytes=100000-", "bytes=350000-"]


def test_a_server_that_keeps_dying_gives_a_calm_error_and_the_next_attempt_goes_on(
    server, register, part
):
    register(server.url)
    server.dies_after = [100_000, 0, 0, 0]
    with pytest.raises(public.FetchError) as caught:
        public.fetch(NAME)
    assert "broke after 100 kB" in str(caught.value)
    assert part.read_bytes() == CONTENT[:100_000]
    server.asked.clear()
    assert public.fetch(NAME).read_bytes() == CONTENT
    assert server.asked == ["bytes=100000-"]


def test_a_stop_by_the_learner_leaves_a_part_that_is_continued(server, register, part, monkeypatch):
    register(server.url)

    def stop(self, count):
        if part.stat().st_size > 200_000:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(download._Progress, "advance", stop)
        with pytest.raises(KeyboardInterrupt):
            public.fetch(NAME)
    had = part.stat().st_size
    assert CONTENT.startswith(part.read_bytes())
    assert public.fetch(NAME).read_bytes() == CONTENT
    assert server.asked == [None, f"bytes={had}-"]
    assert not part.exists()


def test_a_server_that_cannot_resume_is_asked_from_the_beginning(server, register, part):
    register(server.url)
    server.knows_ranges = False
    part.write_bytes(CONTENT[:1000])
    assert public.fetch(NAME).read_bytes() == CONTENT


def test_a_server_that_resumes_at_the_wrong_place_is_asked_from_the_beginning(
    server, register, part
):
    register(server.url)
    server.shift = 5
    part.write_bytes(CONTENT[:1000])
    assert public.fetch(NAME).read_bytes() == CONTENT
    assert server.asked == ["bytes=1000-", None]


def test_a_part_that_lacks_nothing_is_used(server, register, part):
    register(server.url)
    part.write_bytes(CONTENT)
    assert public.fetch(NAME).read_bytes() == CONTENT


@pytest.mark.parametrize("old", [b"x" * 1000, b"x" * len(CONTENT), b"x" * 2 * len(CONTENT)])
def test_a_part_of_another_file_is_replaced(server, register, part, old):
    register(server.url)
    part.write_bytes(old)
    assert public.fetch(NAME).read_bytes() == CONTENT


def test_a_server_that_does_not_say_how_long_the_file_is_will_do(server, register):
    register(server.url)
    server.says_length = False
    assert public.fetch(NAME).read_bytes() == CONTENT


def test_two_programs_that_fetch_the_same_file_do_not_mix_it_up(
    server, register, part, monkeypatch
):
    register(server.url)

    def other_program(self, count):
        with part.open("ab") as file:
            file.write(b"other")

    monkeypatch.setattr(download._Progress, "advance", other_program)
    with pytest.raises(public.FetchError, match="Another program is fetching"):
        public.fetch(NAME)


# --- What servers send instead --------------------------------------------------------------


def test_a_wrong_hash_moves_the_file_aside_and_nothing_is_used(server, register, folder):
    register(server.url)
    server.content = b"other data" * 1000
    with pytest.raises(public.FetchError) as caught:
        public.fetch(NAME)
    aside = folder / f"{NAME}.tar.gz.damaged"
    assert str(aside) in str(caught.value)
    assert "web page" not in str(caught.value)
    assert aside.read_bytes() == server.content
    assert [file.name for file in folder.iterdir()] == [aside.name]


def test_a_login_page_instead_of_the_file_is_called_that(server, register):
    register(server.url)
    server.content = b"\n<!DOCTYPE html><html>Welcome to the hotel</html>"
    with pytest.raises(public.FetchError, match="looks like a web page"):
        public.fetch(NAME)


@pytest.mark.parametrize(
    ("status", "sentence"),
    [(404, "has no"), (410, "has no"), (403, "does not give"), (503, "try again later")],
)
def test_a_refusal_is_one_calm_sentence(server, register, folder, status, sentence):
    register(server.url)
    server.status = status
    with pytest.raises(public.FetchError, match=sentence) as caught:
        public.fetch(NAME)
    assert str(status) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("says_length", [True, False])
def test_a_server_that_sends_far_too_much_is_stopped(server, register, folder, says_length):
    register(server.url, CONTENT[:1000])
    server.says_length = says_length
    with pytest.raises(public.FetchError, match="the download was stopped"):
        public.fetch(NAME)
    assert sum(file.stat().st_size for file in folder.iterdir()) < 100_000


# --- Without a network ----------------------------------------------------------------------


def test_without_a_network_one_line_names_the_stand_in(register):
    register(f"http://127.0.0.1:{closed_port()}/data.tar.gz")
    with pytest.raises(public.OfflineError) as caught:
        public.load(NAME)
    assert str(caught.value) == (
        "magic_wand cannot be fetched: 127.0.0.1 is out of reach from here. "
        "course.data.load('gestures') stands in for it without a network."
    )


def test_a_notebook_shows_the_sentence_without_a_traceback():
    from IPython.core.interactiveshell import InteractiveShell

    shell = InteractiveShell()
    shown = io.StringIO()
    shell.user_ns["error"] = public.OfflineError("There is no network here.")
    shell._showtraceback = lambda kind, error, lines: shown.write("\n".join(lines))
    shell.run_cell("raise error")
    assert shown.getvalue() == "There is no network here."


def test_going_offline_after_a_first_part_keeps_it(register, part):
    register(f"http://127.0.0.1:{closed_port()}/data.tar.gz")
    part.write_bytes(CONTENT[:1000])
    with pytest.raises(public.OfflineError):
        public.fetch(NAME)
    assert part.read_bytes() == CONTENT[:1000]


def test_what_is_in_the_cache_needs_no_network(server, register):
    register(server.url)
    public.fetch(NAME)
    register(f"http://127.0.0.1:{closed_port()}/data.tar.gz")
    assert public.fetch(NAME).read_bytes() == CONTENT


# --- The disk -------------------------------------------------------------------------------


def test_too_small_a_disk_is_noticed_before_anything_is_written(
    server, register, folder, monkeypatch
):
    register(server.url)
    usage = type("Usage", (), {"free": 1000})
    monkeypatch.setattr(download.shutil, "disk_usage", lambda folder: usage)
    with pytest.raises(public.FetchError, match="not enough room") as caught:
        public.fetch(NAME)
    assert "600 kB" in str(caught.value)
    assert list(folder.iterdir()) == []


def test_a_disk_that_fills_up_midway_keeps_the_part(server, register, part, monkeypatch):
    register(server.url)
    write = download._write

    def full(file, data):
        if file.tell() > 200_000:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        write(file, data)

    with monkeypatch.context() as patch:
        patch.setattr(download, "_write", full)
        with pytest.raises(public.FetchError, match="What has come is kept"):
            public.fetch(NAME)
    assert part.stat().st_size > 200_000
    assert public.fetch(NAME).read_bytes() == CONTENT


def test_a_cache_that_cannot_be_written_is_named(server, register, tmp_path, monkeypatch):
    register(server.url)
    (tmp_path / "file").write_text("not a folder", encoding="utf-8")
    monkeypatch.setenv("COURSE_DATA", str(tmp_path / "file"))
    with pytest.raises(public.FetchError, match="COURSE_DATA") as caught:
        public.fetch(NAME)
    assert str(tmp_path / "file") in str(caught.value)


# --- Progress -------------------------------------------------------------------------------


def test_where_no_bar_can_be_drawn_lines_tell_how_far_it_is(server, register, capsys, monkeypatch):
    register(server.url)
    monkeypatch.setattr(download, "_SECONDS_PER_LINE", 0)
    public.fetch(NAME)
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].endswith("of 600 kB, about 0 minutes left.")
    assert lines[-1].startswith("600 kB of 600 kB")


def test_a_terminal_gets_a_bar_that_ends_full(register, capsys, monkeypatch):
    source = registry.Source(NAME, "http://example.org/x.zip", 2_500_000, "", "CC0")
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    with download._Progress(source, 2_500_000, 0) as progress:
        for _ in range(25):
            progress.advance(100_000)
    assert "3 of 3" in capsys.readouterr().err


def test_a_large_archive_says_that_it_takes_a_while(register, folder, monkeypatch, capsys):
    register("http://example.org/data.tar.gz")
    folder.mkdir(parents=True)
    (folder / f"{NAME}.tar.gz").write_bytes(CONTENT)
    monkeypatch.setattr(public, "_LARGE", len(CONTENT) - 1)
    with pytest.raises(public.ArchiveError):
        public.load(NAME)
    assert capsys.readouterr().out.startswith(f"Reading {NAME} takes a minute or two")


# --- The registry and the door --------------------------------------------------------------


def test_every_data_set_has_its_files_in_the_registry_and_every_file_a_data_set():
    used = [file for chosen in public._SETS.values() for file in chosen.files]
    assert sorted(used) == sorted(registry.sources())


def test_every_file_of_the_registry_has_a_hash_and_a_licence():
    for source in registry.sources().values():
        algorithm, _, digest = source.hash.rpartition(":")
        assert len(bytes.fromhex(digest)) == {"": 32, "sha1": 20}[algorithm]
        assert source.licence
        assert Path(source.filename).suffix in (".gz", ".tgz", ".zip", ".mat")


@pytest.mark.parametrize("name", public.names())
def test_every_data_set_has_a_stand_in_and_describes_itself(name):
    description = public.describe(name)
    assert description.stand_in in course_data.names()
    assert str(description).startswith(f"{name}: ")
    assert not description.cached


@pytest.mark.parametrize("module", [public, registry])
def test_examples_in_the_documentation_hold(module):
    assert doctest.testmod(module).failed == 0


def test_an_unknown_name_is_answered_with_the_known_ones():
    for ask in (public.describe, public.fetch, public.load):
        with pytest.raises(ValueError, match="There is no public data set 'mnist'; there are "):
            ask("mnist")


def test_an_unknown_option_is_refused_before_anything_is_fetched():
    with pytest.raises(ValueError, match="no option 'colour'; its options are limit, size"):
        public.load("flower_photos", colour="red")


@pytest.mark.parametrize("wrong", [{"limit": 0}, {"limit": 2.5}, {"seed": -1}])
def test_numbers_out_of_range_are_refused_before_anything_is_fetched(wrong):
    with pytest.raises(ValueError, match="must be"):
        public.load("uci_har", **wrong)


def test_asking_for_names_imports_neither_the_network_nor_pictures():
    program = (
        "import sys; from course.data import public; public.names(); "
        "print({'pooch', 'requests', 'PIL', 'matplotlib'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "set()"
