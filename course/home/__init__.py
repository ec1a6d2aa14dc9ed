"""The course home: a page of the Jupyter server itself, at ``/course``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from course.home.handlers import handlers

if TYPE_CHECKING:
    from jupyter_server.serverapp import ServerApp

__all__: list[str] = []


def _jupyter_server_extension_points() -> list[dict[str, str]]:
    return [{"module": "course.home"}]


def _load_jupyter_server_extension(server: ServerApp) -> None:
    server.web_app.add_handlers(".*$", handlers(server.web_app.settings["base_url"]))
