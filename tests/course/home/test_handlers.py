"""The pages and the API, asked over HTTP from a real server."""

import json
import re
import shutil

import pytest

from course import workspace

HOSTILE = "<script>alert('x')</script> & \"quotes\" {{ 7 * 7 }}"
BASE = "/hub/user/ada/"


@pytest.fixture(scope="module")
def place(tmp_path_factory, write_module):
    """A checkout with two modules, and a home folder with a workspace in it."""
    place = tmp_path_factory.mktemp("place é with spaces")
    checks = [{"name": "speed", "points": 3, "title": "By speed"}]
    write_module(place / "checkout", "01_rules", title="Rules or learning?", checks=checks)
    checks = [{"name": "split", "points": 2, "title": HOSTILE}]
    write_module(
        place / "checkout", "02_training", title=HOSTILE, objectives=[HOSTILE], checks=checks
    )
    (place / "checkout" / "modules" / "03_unfinished").mkdir()
    (place / "home").mkdir()
    return place


@pytest.fixture(scope="module")
def server(place, running):
    with running(
        place,
        root=place / "checkout",
        server_root=place / "home",
        workspace=place / "home" / "on device",
        base=BASE,
    ) as server:
        yield server


@pytest.fixture
def desk(place):
    """The workspace, laid down and without progress."""
    desk = place / "home" / "on device"
    shutil.rmtree(desk, ignore_errors=True)
    workspace.prepare(desk, root=place / "checkout")
    return desk


def test_the_page_is_complete_on_first_paint(server, desk):
    workspace.Progress(desk).record("rules", "speed", 1, 3)
    status, headers, page = server.get("course")
    assert (status, headers["Content-Type"]) == (200, "text/html; charset=UTF-8")
    assert headers["Cache-Control"] == "no-cache"
    for text in ("Rules or learning?", "1 of 5 points", "in progress", "Continue: 1. Rules"):
        assert text in page
    assert "unfinished" not in page


def test_a_slash_at_the_end_does_not_matter(server):
    assert server.get("course/")[0] == 200


def test_without_the_token_the_page_leads_to_the_login(server):
    status, headers, _ = server.get("course", token=None)
    assert status == 302
    assert headers["Location"] == f"{BASE}login?next=%2Fhub%2Fuser%2Fada%2Fcourse"


@pytest.mark.parametrize("path", ["open/rules/lab", "static/home.js"])
def test_without_the_token_nothing_else_is_given_either(server, path):
    assert server.get(f"course/{path}", token=None)[0] == 302


def test_without_the_token_the_api_is_forbidden(server):
    assert server.get("course/api/progress", token=None)[0] == 403


def test_the_api_gives_what_the_page_shows(server, desk):
    workspace.Progress(desk).record("rules", "speed", 3, 3)
    status, headers, text = server.get("course/api/progress")
    assert (status, headers["Content-Type"]) == (200, "application/json")
    page = json.loads(text)
    assert (page["earned"], page["possible"], page["minutes_left"]) == (3, 5, 40)
    assert page["next"]["slug"] == "training"
    rules, training = page["modules"]
    assert (rules["number"], rules["slug"], rules["state"]) == (1, "rules", "done")
    assert rules["checks"] == [
        {
            "name": "speed",
            "title": "By speed",
            "state": "done",
            "earned": 3,
            "possible": 3,
            "points_text": "3 of 3 points",
        }
    ]
    assert training["state"] == "not started"
    assert page["notes"] == []


def test_links_keep_to_the_prefix_and_lead_to_the_notebook(server, desk):
    links = json.loads(server.get("course/api/progress")[2])["modules"][0]["links"]
    path = "on%20device/01_rules/rules.ipynb"
    assert links == {"lab": f"{BASE}lab/tree/{path}", "notebook": f"{BASE}notebooks/{path}"}
    page = server.get("course")[2]
    for link in links.values():
        assert f'href="{link}"' in page


def test_every_address_in_the_page_is_the_servers_own(server, desk):
    page = server.get("course")[2]
    for address in re.findall(r'\s(?:href|src|data-progress)="([^"]*)"', page):
        assert address.startswith(BASE)


def test_style_and_script_come_with_the_page(server):
    page = server.get("course")[2]
    for kind, name in (("css", "home.css"), ("javascript", "home.js")):
        (address,) = re.findall(rf'"{BASE}(course/static/{name}\?v=\w+)"', page)
        status, headers, text = server.get(address)
        assert status == 200
        assert headers.get_content_subtype() == kind
        assert "http://" not in text
        assert "https://" not in text


def test_static_files_are_only_those_of_the_page(server):
    assert server.get("course/static/../handlers.py")[0] in (403, 404)
    assert server.get("course/static/%2e%2e/handlers.py")[0] in (403, 404)


def test_a_hostile_title_is_shown_as_it_is_written(server, desk):
    page = server.get("course")[2]
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt; &amp; &#34;quotes&#34;" in page
    assert "{{ 7 * 7 }}" in page


def test_scripts_and_styles_inside_the_page_are_forbidden(server):
    _, headers, page = server.get("course")
    policy = headers["Content-Security-Policy"]
    for rule in ("frame-ancestors 'self'", "default-src 'none'", "script-src 'self'"):
        assert rule in policy
    assert "unsafe" not in policy
    assert not re.search(r"\s(on\w+|style)=", page)


def test_a_missing_notebook_is_laid_down_on_opening(server, place, desk):
    shutil.rmtree(desk)
    links = json.loads(server.get("course/api/progress")[2])["modules"][0]["links"]
    assert links["lab"] == f"{BASE}course/open/rules/lab"
    assert not desk.exists()
    status, headers, _ = server.get("course/open/rules/lab")
    assert status == 302
    assert headers["Location"] == f"{BASE}lab/tree/on%20device/01_rules/rules.ipynb"
    assert (desk / "01_rules" / "rules.ipynb").is_file()
    assert server.get("course/open/training/notebook")[1]["Location"].endswith(
        "/notebooks/on%20device/02_training/training.ipynb"
    )


def test_opening_touches_no_notebook_that_is_there(server, desk):
    mine = desk / "01_rules" / "rules.ipynb"
    mine.write_text("my work")
    assert server.get("course/open/rules/lab")[0] == 302
    assert mine.read_text() == "my work"
    assert len(list(mine.parent.iterdir())) == 1


@pytest.mark.parametrize("path", ["open/nothing/lab", "open/rules/shell", "open/unfinished/lab"])
def test_what_does_not_exist_is_not_opened(server, path):
    assert server.get(f"course/{path}")[0] == 404


def test_a_workspace_that_cannot_be_written_is_told_on_the_page(server, desk):
    shutil.rmtree(desk)
    desk.write_text("a file where the folder belongs")
    try:
        status, _, page = server.get("course/open/rules/lab")
        assert status == 500
        assert "cannot be written" in page
        assert "Rules or learning?" in page
    finally:
        desk.unlink()


def test_progress_that_cannot_be_read_is_a_note_and_not_an_error(server, desk):
    workspace.Progress(desk).file.mkdir()
    status, _, page = server.get("course")
    assert status == 200
    assert "cannot be used" in page
    assert "0 of 5 points" in page


def test_a_workspace_elsewhere_is_said_with_the_mend(place, running, tmp_path):
    with running(
        tmp_path, root=place / "checkout", server_root=tmp_path, workspace=place / "elsewhere"
    ) as server:
        page = server.get("course")[2]
        assert str(place / "elsewhere") in page
        assert "python3 -m course start" in page
        assert "Open in JupyterLab" not in page
        assert server.get("course/open/rules/lab")[1]["Location"] == "/course"


def test_the_servers_folder_may_be_the_workspace_itself(place, running, tmp_path):
    workspace.prepare(tmp_path / "mine", root=place / "checkout")
    with running(
        tmp_path,
        root=place / "checkout",
        server_root=tmp_path / "mine",
        workspace=place / "elsewhere",
    ) as server:
        assert 'href="/lab/tree/01_rules/rules.ipynb"' in server.get("course")[2]
