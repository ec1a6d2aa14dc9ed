"""The files that Jupyter finds us by."""

import json

import course
from course import home, syllabus

HOME = syllabus.root() / "course" / "home"


def test_the_configuration_enables_the_extension_by_its_name():
    (name,) = [point["module"] for point in home._jupyter_server_extension_points()]
    config = json.loads((HOME / "jupyter-config" / "course.json").read_text())
    assert config == {"ServerApp": {"jpserver_extensions": {name: True}}}


def test_the_lab_extension_has_the_version_of_the_course():
    package = json.loads((HOME / "labextension" / "package.json").read_text())
    assert package["version"] == course.__version__


def test_the_lab_extension_is_not_kept_by_browsers_for_a_year():
    build = json.loads((HOME / "labextension" / "package.json").read_text())["jupyterlab"]["_build"]
    assert (HOME / "labextension" / build["load"]).is_file()
    assert "static" not in build["load"].split("/")
