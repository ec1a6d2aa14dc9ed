"""Code that wants out: other files, other processes, the network, the machine.

All of it needs bubblewrap; without it a run has process limits only, as SECURITY.md says.
"""

import contextlib
import json
import os
import socket
import sys
import sysconfig
import threading
from pathlib import Path

import pytest

from autograder import isolation
from tests.attacks.firing_range import (
    ALL,
    COLLEAGUE,
    ENVIRONMENT,
    GRADEBOOK,
    NONE,
    RIGHT,
    SEED,
    notes,
    points,
)

pytestmark = pytest.mark.usefixtures("bubblewrap")

#: Defines ``saw``: what an attack found is told to the test by the note of its last cell.
SAW = "import ctypes, json, os, pathlib, re, signal, socket, stat, sys\nsaw = []\n"
TELL = "raise Exception('saw ' + json.dumps(saw))"


@pytest.fixture
def spy(attack):
    """Runs lines in a submission without answers; returns what it put into ``saw``."""

    def run(*lines, answers=None, **limits):
        record = attack(SAW + "\n".join(lines), TELL, answers, **limits)
        assert points(record) == (ALL if answers else NONE)
        _, found, said = notes(record).partition("raised Exception: saw ")
        assert found, notes(record)
        return json.loads(said.splitlines()[0].removesuffix("."))

    return run


def backwards(text):
    """So that a search for a secret does not find the searcher."""
    return f"{str(text)[::-1]!r}[::-1]"


# --- files ----------------------------------------------------------------------------------------


def test_no_file_in_sight_holds_seed_checks_gradebook_environment_or_colleagues(spy, monkeypatch):
    monkeypatch.setenv("JUPYTERHUB_API_TOKEN", ENVIRONMENT)
    large = {sys.prefix, sys.base_prefix, sysconfig.get_path("purelib"), "/usr", "/sys"}
    secrets = [
        SEED,
        ENVIRONMENT,
        GRADEBOOK,
        COLLEAGUE,
        "you used the uint8 range",
        "BEGIN SOLUTION",
    ]
    saw = spy(
        f"secrets = [{', '.join(map(backwards, secrets))}]",
        f"large = {sorted(large)!r}",
        "read = 0",
        "for parent, folders, files in os.walk('/'):",
        "    folders[:] = [f for f in folders if os.path.join(parent, f) not in large]",
        "    if parent.startswith('/proc/') and not re.match('/proc/[0-9]+$', parent):",
        "        folders.clear()",
        "    for name in files:",
        "        path = os.path.join(parent, name)",
        "        if name in ('kmsg', 'kcore', 'kpagecount', 'pagemap', 'clear_refs', 'mem'):",
        "            continue",
        "        try:",
        "            with open(path, 'rb', buffering=0) as file:",
        "                os.set_blocking(file.fileno(), False)",
        "                data = file.read(4 << 20) or b''",
        "            read += 1",
        "        except OSError:",
        "            continue",
        "        # The view of the toy's notebook, which this is, names no secret forwards.",
        "        saw += [f'{path}: {s}' for s in secrets if s.encode() in data]",
        "text = json.dumps(dict(os.environ)) + repr(sys.argv) + repr(vars(sys).get('orig_argv'))",
        "saw += [f'environment: {s}' for s in secrets if s in text]",
        "saw += [] if read > 50 else ['nothing was read']",
        # What teaches the grammar of sources is public, and a part of the package.
        "saw = [line for line in saw if '/autograder/' not in line and '/course/' not in line]",
    )
    assert saw == []


def test_checks_sources_gradebook_and_colleagues_are_not_there(spy, the_range, small_course):
    course = small_course["toy"].parent
    paths = [
        course,
        course / "checks.py",
        course / "toy.py",
        course.parent,
        the_range.folder / "treasure" / "ada" / "toy.ipynb",
        the_range.folder / "treasure" / "gradebook.db",
        the_range.folder / "treasure" / "grader_seed",
        the_range.folder / "submitted",
        Path.home() / ".config",
        Path.home() / ".ssh",
        *map(Path, ("/etc/passwd", "/etc/shadow", "/var", "/home", "/run", "/boot", "/opt")),
    ]
    saw = spy(
        f"paths = {[str(path) for path in paths]!r}",
        "saw = [path for path in paths if os.path.lexists(path)]",
        "up = os.environ['COURSE_INPUTS']",
        "saw += sorted(os.listdir(os.path.dirname(up)))",
        "saw += os.listdir(os.path.dirname(os.path.dirname(up)))",
    )
    assert saw[:-1] == ["evidence", "inputs", "log", "notebook.ipynb", "work"]
    assert saw[-1].startswith("course-grade-")


def test_the_inputs_hold_arguments_and_kinds_and_nothing_else(spy):
    saw = spy(
        "place = pathlib.Path(os.environ['COURSE_INPUTS'])",
        "saw = sorted(str(p.relative_to(place)) for p in place.rglob('*') if p.is_file())",
        "saw.append(json.loads((place / 'manifest.json').read_text()))",
        "saw.append(len(json.loads((place / 'zero_point/set-0/evidence.json').read_text())[0]))",
        "saw = [str(each).replace('/set-0', '') for each in saw]",
    )
    assert saw[:-2] == [
        f"{name}/{file}" if name else "manifest.json"
        for name in ("", "size", "thresholds", "zero_point")
        for file in ("arrays.bin", "evidence.json")[: 2 if name else 1]
    ]
    assert saw[-2:] == [
        "{'zero_point': {'kind': 'Calls'}, 'thresholds': {'kind': 'Value'}, "
        "'size': {'kind': 'Quiz'}}",
        "2",
    ]


WRITE = """
def write(path):
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("import os; os._exit(0)")
        saw.append(str(path))
    except OSError:
        pass
"""


def test_nothing_outside_its_folders_can_be_written(spy, the_range, small_course):
    home = Path(isolation.__file__).parent
    outside = [
        home / "check.py",
        home / "new.py",
        home.parent / "course" / "__init__.py",
        Path(sysconfig.get_path("purelib")) / "sitecustomize.py",
        Path(sys.prefix) / "pyvenv.cfg",
        Path("/usr/lib/attack"),
        Path("/etc/attack"),
        Path("/attack"),
        Path("/dev/attack"),
        Path("/proc/sys/kernel/core_pattern_attack"),
    ]
    saw = spy(
        WRITE,
        f"for path in {[str(path) for path in outside]!r}:",
        "    write(pathlib.Path(path))",
        "up = pathlib.Path(os.environ['COURSE_INPUTS']).parent",
        "mine = ('notebook.ipynb', 'inputs/manifest.json', 'inputs/size/set-0/evidence.json')",
        "for path in mine:",
        "    write(up / path)",
        # The next ones lie in its own /tmp, which ends with it: the range looks at the real ones.
        "found, saw = saw, []",
        "write(up / 'x')",
        f"write(pathlib.Path({str(small_course['toy'].with_name('checks.py'))!r}))",
        f"write(pathlib.Path({str(the_range.folder / 'treasure' / 'grader_seed')!r}))",
        "saw = found",
    )
    assert saw == []


def test_its_folders_cannot_be_replaced_by_links(spy, the_range):
    saw = spy(
        "up = os.path.dirname(os.environ['COURSE_INPUTS'])",
        f"treasure = {str(the_range.folder / 'treasure')!r}",
        "for name in ('work', 'evidence', 'log', 'inputs', 'notebook.ipynb'):",
        "    for change in (os.rmdir, os.unlink, lambda p: os.rename(p, p + '-old'),",
        "                   lambda p: os.symlink(treasure, p), lambda p: os.rename('/tmp', p)):",
        "        try:",
        "            change(os.path.join(up, name))",
        "            saw.append(name)",
        "        except OSError:",
        "            pass",
        answers=RIGHT,
    )
    assert saw == []


def test_a_log_that_became_a_link_is_not_followed(attack, the_range):
    secret = the_range.folder / "treasure" / "gradebook.db"
    for target in (secret, "/dev/zero", "/proc/self/environ"):
        record = attack(
            last=SAW + "log = os.path.dirname(os.environ['COURSE_INPUTS']) + '/log/log.jsonl'\n"
            f"os.unlink(log)\nos.symlink({str(target)!r}, log)",
            answers=RIGHT,
        )
        assert points(record) == ALL
        assert record["status"] == "stopped"
        assert record["reason"] == "The notebook did not run to its end: it ended with exit code 0."


# --- the machine ----------------------------------------------------------------------------------


def test_no_privilege_is_left(spy):
    saw = spy(
        "lines = open('/proc/self/status').read().splitlines()",
        "status = dict(line.split(':', 1) for line in lines if ':' in line)",
        "saw = [status[name].split() for name in ('Uid', 'Gid', 'Groups', 'CapPrm', 'CapEff',",
        "                                         'CapAmb', 'NoNewPrivs')]",
    )
    nothing = ["0" * 16]
    assert saw[:2] == [["65534"] * 4, ["65534"] * 4]
    assert saw[2] in ([], ["65534"])
    assert saw[3:] == [nothing, nothing, nothing, ["1"]]


def test_settings_and_devices_of_the_machine_cannot_be_touched(spy):
    """A grader that is root owns them, in a user namespace of its own too."""
    before = os.stat("/dev/null").st_mode
    saw = spy(
        "settings = ['/proc/sys/kernel/core_pattern', '/proc/sys/vm/drop_caches', '/dev/mem',",
        "            '/proc/sys/kernel/hostname', '/proc/sysrq-trigger', '/dev/kmsg',",
        "            '/sys/kernel/uevent_helper', '/proc/irq/default_smp_affinity']",
        "for path in settings:",
        "    try:",
        "        os.close(os.open(path, os.O_WRONLY))  # opened, and never written to",
        "        saw.append(path)",
        "    except OSError:",
        "        pass",
        # The mode that they have: whoever may set it might set another.
        "for path in ('/dev/null', '/dev/zero', '/dev/urandom', '/proc/1/fd/0', 0, 1):",
        "    try:",
        "        os.chmod(path, 0o666)",
        "        saw.append(path)",
        "    except OSError:",
        "        pass",
        "try:",
        "    os.mknod('disk', 0o600 | stat.S_IFBLK, os.makedev(254, 0))",
        "    saw.append('mknod')",
        "except OSError:",
        "    pass",
    )
    assert saw == []
    assert os.stat("/dev/null").st_mode == before


def test_a_user_namespace_inside_gives_no_way_out(spy):
    saw = spy(
        "libc = ctypes.CDLL(None, use_errno=True)",
        "reader, writer = os.pipe()",
        "if os.fork() == 0:",
        "    said = []",
        "    try:",
        "        if libc.unshare(0x10000000 | 0x00020000 | 0x20000000) == 0:",  # user, mount, PID
        "            for path in ('/usr', '/dev/null', os.environ['COURSE_INPUTS']):",
        "                flags = 32 | 4096",  # remount, bind: writable again
        "                if libc.mount(None, path.encode(), None, flags, None) == 0:",
        "                    said.append('remounted ' + path)",
        "                if libc.umount2(path.encode(), 2) == 0:",
        "                    said.append('unmounted ' + path)",
        "            for path in ('/proc/sys/kernel/core_pattern', '/usr/lib/os-release'):",
        "                try:",
        "                    os.close(os.open(path, os.O_WRONLY))",
        "                    said.append('opened ' + path)",
        "                except OSError:",
        "                    pass",
        "    finally:",
        "        os.write(writer, json.dumps(said).encode())",
        "        os._exit(0)",
        "os.wait()",
        "saw = json.loads(os.read(reader, 1000))",
    )
    assert saw == []


def test_other_processes_are_neither_seen_nor_signalled_nor_traced(spy):
    saw = spy(
        f"grader = {os.getpid()}",
        "seen = sorted(int(name) for name in os.listdir('/proc') if name.isdigit())",
        "saw += [pid for pid in seen if pid > 50]",
        "for pid in (grader, os.getppid()):",
        "    for number in (signal.SIGUSR1, signal.SIGKILL):",
        "        try:",
        "            if pid > 50:",
        "                os.kill(pid, number)",
        "                saw.append(f'killed {pid}')",
        "        except OSError:",
        "            pass",
        "libc = ctypes.CDLL(None, use_errno=True)",
        "if libc.ptrace(16, grader, 0, 0) == 0:",
        "    saw.append('traced')",
        "for name in ('mem', 'environ', 'cmdline', 'root', 'cwd', 'fd'):",
        "    if os.path.lexists(f'/proc/{grader}/{name}'):",
        "        saw.append(name)",
    )
    assert saw == []


def test_killing_everybody_kills_nobody_else(attack):
    record = attack(last="import os, signal\nos.kill(-1, signal.SIGKILL)", answers=RIGHT)
    assert points(record) == ALL
    record = attack(
        "import os, signal\nos.killpg(0, signal.SIGKILL)\nos.kill(os.getppid(), signal.SIGKILL)"
    )
    assert points(record) == NONE
    assert record["status"] == "stopped"


# --- the network ----------------------------------------------------------------------------------


@contextlib.contextmanager
def listening(family, address):
    """A server on this machine that notes who came."""
    came = []
    with socket.socket(family, socket.SOCK_STREAM) as server:
        server.bind(address)
        server.listen()
        server.settimeout(0.2)
        done = threading.Event()

        def serve():
            while not done.is_set():
                with contextlib.suppress(TimeoutError):
                    came.append(server.accept())

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield server.getsockname(), came
        finally:
            done.set()
            thread.join()


def test_no_connection_leaves_the_sandbox(spy, the_range, monkeypatch):
    monkeypatch.chdir(the_range.folder)  # a socket's whole path must be short
    with (
        listening(socket.AF_INET, ("127.0.0.1", 0)) as (here, first),
        listening(socket.AF_UNIX, f"\0on-device-{os.getpid()}") as (abstract, second),
        listening(socket.AF_UNIX, "listener") as (_, third),
    ):
        # 192.0.2.1 and 2001:db8::1 are addresses for documentation: nobody answers there.
        saw = spy(
            f"places = [(socket.AF_INET, {here!r}), (socket.AF_UNIX, {abstract!r}),",
            f"          (socket.AF_UNIX, {str(the_range.folder / 'listener')[-100:]!r}),",
            "          (socket.AF_INET, ('192.0.2.1', 80)),",
            "          (socket.AF_INET6, ('2001:db8::1', 80))]",
            "for family, address in places:",
            "    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):",
            "        if (address[0], kind) == ('127.0.0.1', socket.SOCK_DGRAM):",
            "            continue  # it has a loopback of its own, where nobody listens",
            "        try:",
            "            with socket.socket(family, kind) as plug:",
            "                plug.settimeout(1)",
            "                plug.connect(address)",
            "                plug.send(b'out')",
            "            saw.append(str(address))",
            "        except OSError:",
            "            pass",
            "try:",
            "    saw.append(socket.getaddrinfo('example.org', 80))",
            "except OSError:",
            "    pass",
            "try:",
            "    socket.socket(socket.AF_PACKET, socket.SOCK_RAW).close()",
            "    saw.append('raw')",
            "except OSError:",
            "    pass",
            "saw += [name for _, name in socket.if_nameindex() if name != 'lo']",
        )
        assert saw == []
    assert first == second == third == []
