"""The grader's secret seed."""

import os
from concurrent.futures import ThreadPoolExecutor

import pytest

from autograder.seed import default_path, secret_seed

posix = pytest.mark.skipif(os.name != "posix", reason="Modes are POSIX's.")


def test_a_seed_is_made_once(tmp_path):
    path = tmp_path / "new" / "seed"
    seed = secret_seed(path)
    assert 0 <= seed < 1 << 63
    assert secret_seed(path) == seed
    assert secret_seed(tmp_path / "other") != seed


@posix
def test_only_its_owner_can_read_it(tmp_path):
    path = tmp_path / "new" / "seed"
    secret_seed(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o077 == 0
    assert [found.name for found in path.parent.iterdir()] == ["seed"]


def test_graders_that_start_at_once_agree(tmp_path):
    with ThreadPoolExecutor(8) as pool:
        seeds = set(pool.map(secret_seed, [tmp_path / "seed"] * 8))
    assert len(seeds) == 1


@posix
def test_a_seed_that_everybody_can_read_is_refused(tmp_path):
    path = tmp_path / "seed"
    secret_seed(path)
    path.chmod(0o644)
    with pytest.raises(ValueError, match="Run `chmod 600"):
        secret_seed(path)
    path.chmod(0o640)  # a group of teachers
    assert secret_seed(path)


@pytest.mark.parametrize("text", ["", "x", "-1", "1.5", "1_0", "٣", "9" * 30, "9" * 5000, "1 2"])
def test_what_is_no_seed_is_refused(tmp_path, text):
    path = tmp_path / "seed"
    path.write_text(text, "utf-8")
    path.chmod(0o600)
    with pytest.raises(ValueError, match="holds no seed"):
        secret_seed(path)


def test_its_place_can_be_named(tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_GRADER_SEED_FILE", str(tmp_path / "named"))
    assert default_path() == tmp_path / "named"
    assert secret_seed() == secret_seed(tmp_path / "named")


def test_it_lies_in_the_home_folder(tmp_path, monkeypatch):
    monkeypatch.delenv("COURSE_GRADER_SEED_FILE", raising=False)
    for name in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(name, str(tmp_path))
    assert default_path() == tmp_path / ".config" / "on-device" / "grader_seed"
