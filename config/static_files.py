"""Static files: whitenoise, taught that the web process is asynchronous."""

from collections.abc import Awaitable
from contextlib import nullcontext
from pathlib import Path
from typing import Any, ClassVar

from asgiref.sync import iscoroutinefunction, markcoroutinefunction, sync_to_async
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from whitenoise.middleware import WhiteNoiseMiddleware
from whitenoise.responders import StaticFile

type_of_answer = HttpResponseBase | Awaitable[HttpResponseBase]


class StaticFiles(WhiteNoiseMiddleware):  # type: ignore[misc]  # the library is untyped
    """Answers what lies under STATIC_URL.

    whitenoise itself is synchronous only: every request of the site would change threads once more for it, and each
    file would bring Django's warning that a synchronous stream is read in an asynchronous server.
    """

    sync_capable: ClassVar[bool] = True
    async_capable: ClassVar[bool] = True

    def __init__(self, get_response: Any) -> None:
        super().__init__(get_response)
        if iscoroutinefunction(get_response):
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> type_of_answer:
        """Answer the request, synchronously or not as the server is."""
        if iscoroutinefunction(self):
            return self._answer_async(request)
        found = self._found(request)
        answer: HttpResponseBase = self.get_response(request) if found is None else _read(found, request)
        return answer

    def add_files(self, root: str, prefix: str | None = None) -> None:
        """Take every file under `root`; before the first collectstatic there is no such folder, and no need for one."""
        if Path(root).is_dir():
            super().add_files(root, prefix)

    async def _answer_async(self, request: HttpRequest) -> HttpResponseBase:
        found = self._found(request)
        if found is not None:
            return await sync_to_async(_read)(found, request)
        answer: HttpResponseBase = await self.get_response(request)
        return answer

    def _found(self, request: HttpRequest) -> StaticFile | None:
        return self.find_file(request.path_info) if self.autorefresh else self.files.get(request.path_info)


def _read(found: StaticFile, request: HttpRequest) -> HttpResponse:
    # Style sheets and scripts: all of one fits into memory. Not by whitenoise's own `serve`: its answer says
    # "request finished" when it is closed, and here the request goes on.
    answer = found.get_response(request.method, request.META)
    with answer.file or nullcontext():
        content = answer.file.read() if answer.file else b""
    headers = dict(answer.headers)
    made = HttpResponse(content, status=int(answer.status), headers=headers)
    if "Content-Type" not in headers:
        # A cache takes the headers of a 304 for the file's own.
        del made["Content-Type"]
    return made
