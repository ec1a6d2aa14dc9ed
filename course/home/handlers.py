"""The pages and the API under ``/course``; they ask for a login as Jupyter's own do."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

import jinja2
from jupyter_server.base.handlers import APIHandler, JupyterHandler
from jupyter_server.utils import url_escape, url_path_join
from tornado import web

from course import syllabus, workspace
from course.home.overview import Links, Overview, overview

__all__ = ["handlers"]

_Result = TypeVar("_Result")

_HERE = Path(__file__).resolve().parent
_STATIC = _HERE / "static"
_READ_TIMEOUT = 2.0  # seconds for which a page waits for a kernel that is saving progress
_TEMPLATES = jinja2.Environment(
    loader=jinja2.FileSystemLoader(_HERE / "templates"),
    autoescape=True,
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def handlers(base_url: str) -> list[tuple[Any, ...]]:
    """Return tornado's routes below `base_url`."""
    course = url_path_join(base_url, "course")
    return [
        (course + "/?", HomeHandler),
        (url_path_join(course, "api/progress"), ProgressHandler),
        (url_path_join(course, r"open/(\w+)/(lab|notebook)"), OpenHandler),
        (url_path_join(course, "static/(.*)"), StaticHandler, {"path": str(_STATIC)}),
    ]


class _Course(JupyterHandler):
    """What the handlers share: where things are, and the data of the page."""

    @property
    def server_root(self) -> Path | None:
        """Folder whose files this server opens; None if they are no files."""
        root = self.settings.get("server_root_dir")
        return Path(root).expanduser().absolute() if root else None

    @property
    def workspace(self) -> Path:
        """The learner's workspace, which need not exist yet."""
        return workspace.find(self.server_root) or workspace.default_path()

    def links(self, module: syllabus.Module) -> Links:
        """Return the addresses that open `module`, by way of preparing it if it is missing."""
        notebook = self.workspace / workspace.location(module)
        path = _relative(notebook, self.server_root)
        if path is None:
            return Links(None, None)
        if not notebook.exists():
            prepare = url_path_join(self.base_url, "course/open", module.slug)
            return Links(url_path_join(prepare, "lab"), url_path_join(prepare, "notebook"))
        return Links(
            url_path_join(self.base_url, "lab/tree", url_escape(path)),
            url_path_join(self.base_url, "notebooks", url_escape(path)),
        )

    async def overview(self, *notes: str) -> Overview:
        """Gather the data of the page, off the server's own thread."""
        return await _in_thread(lambda: self._overview(list(notes)))

    def _overview(self, notes: list[str]) -> Overview:
        if _relative(self.workspace, self.server_root) is None:
            notes.append(
                f"Your notebooks are in {self.workspace}. This server opens only what is in "
                f"{self.server_root or 'a place without folders'}, so it cannot open them. "
                "Stop it and run: python3 -m course start"
            )
        try:
            best = workspace.Progress(self.workspace, timeout=_READ_TIMEOUT).best()
        except workspace.ProgressError as error:
            best = {}
            notes.append(str(error))
        return overview(syllabus.modules(), best, links=self.links, notes=notes)


class HomeHandler(_Course):
    """The page."""

    @property
    def content_security_policy(self) -> str:
        return (
            f"{super().content_security_policy}; default-src 'none'; script-src 'self'; "
            "style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'"
        )

    @web.authenticated
    async def get(self) -> None:
        await self.show()

    async def show(self, *notes: str) -> None:
        """Send the page, with `notes` above the modules."""
        page = _TEMPLATES.get_template("home.html").render(
            page=await self.overview(*notes),
            workspace=_short(self.workspace),
            course_url=url_path_join(self.base_url, "course"),
            static=_static_url(self.base_url),
        )
        self.set_header("Cache-Control", "no-cache")
        self.finish(page)


class OpenHandler(HomeHandler):
    """Lays down a notebook that is missing from the workspace, then opens it.

    It is a plain link: whatever calls it can make nothing happen but that a
    missing notebook is laid where it belongs.
    """

    @web.authenticated
    async def get(self, slug: str, where: str) -> None:  # type: ignore[override]
        try:
            module = syllabus.find(slug)
        except LookupError as error:
            raise web.HTTPError(404, str(error)) from error
        if not (self.workspace / workspace.location(module)).exists():
            try:
                await _in_thread(lambda: workspace.prepare(self.workspace))
            except workspace.WorkspaceError as error:
                self.set_status(500)
                await self.show(str(error))
                return
        url = getattr(self.links(module), where)
        self.redirect(url or url_path_join(self.base_url, "course"))


class ProgressHandler(_Course, APIHandler):
    """The data of the page, for its updates."""

    _track_activity = False  # an open page alone must not keep an idle server alive

    @web.authenticated
    async def get(self) -> None:
        self.finish(json.dumps(asdict(await self.overview())))


class StaticHandler(JupyterHandler, web.StaticFileHandler):
    """Style and script of the page."""

    @web.authenticated
    async def head(self, path: str) -> None:  # type: ignore[override]
        await web.StaticFileHandler.get(self, path, include_body=False)

    @web.authenticated
    async def get(self, path: str) -> None:  # type: ignore[override]
        await web.StaticFileHandler.get(self, path)


def _static_url(base_url: str) -> Callable[[str], str]:
    """Return a function that gives a static file's address, a new one for a new content."""

    def url(name: str) -> str:
        version = hashlib.sha256((_STATIC / name).read_bytes()).hexdigest()[:12]
        return url_path_join(base_url, "course/static", name) + f"?v={version}"

    return url


def _relative(path: Path, root: Path | None) -> str | None:
    """Return `path` below `root` with forward slashes, or None if it lies outside.

    A link inside `root` that points elsewhere counts as inside: the server follows it.
    """
    if root is None:
        return None
    real = os.path.realpath
    for inner, outer in ((path, root), (Path(real(path)), Path(real(root)))):
        if inner.is_relative_to(outer):
            return inner.relative_to(outer).as_posix()
    return None


def _short(path: Path) -> str:
    """Return `path` with the home folder as a tilde."""
    home = Path.home()
    return f"~/{path.relative_to(home).as_posix()}" if path.is_relative_to(home) else str(path)


async def _in_thread(work: Callable[[], _Result]) -> _Result:
    return await asyncio.get_running_loop().run_in_executor(None, work)
