"""The demonstration: a stranger signs up, proves the address, uploads a video and looks at what came out.

It is a client like any other: it knows the stack by its URL only, and checks each thing that it prints.
"""

import json
import re
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from time import monotonic
from typing import Any

import httpx
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

MAIL_SECONDS = 60
FILM_SECONDS = 1800
_PAUSE_SECONDS = 0.3
_LINK = re.compile(r"^\S+/verify-email\?token=(\S+)$", re.MULTILINE)

Json = dict[str, Any]


class DemoFailed(Exception):
    """Something that the demonstration shows did not come about; the text says what."""


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who the demonstration signs up."""

    email: str
    password: str


def run(base_url: str, film: Path, console: Console) -> None:
    """Show the whole way against the stack at `base_url`. Raises DemoFailed at the first thing that goes wrong."""
    if not film.is_file():
        raise DemoFailed(f"There is no video at {film}.")
    with httpx.Client(base_url=base_url, timeout=30) as client:
        try:
            _look_for_stack(client)
            visitor = _sign_up(client, console)
            _verify(client, visitor, console)
            _log_in(client, visitor, console)
            video = _watch(client, _upload(client, film, console), console)
            _show(client, video, console)
            count = _check(client, video)
        except httpx.TransportError as error:
            raise DemoFailed(
                f"The stack at {base_url} stopped answering ({type(error).__name__})."
            ) from error
    console.print(
        f"[green]{count} URLs answered as they should.[/] See it all at {base_url}/videos/{video['id']}"
    )
    console.print(f"Log in as {visitor.email} with the password {visitor.password}")


def _look_for_stack(client: httpx.Client) -> None:
    try:
        alive = client.get("/healthz").status_code == httpx.codes.OK
    except httpx.TransportError:
        alive = False
    if not alive:
        raise DemoFailed(
            f"No stack is running at {client.base_url}: start one with `make run`, then try again."
        )


def _sign_up(client: httpx.Client, console: Console) -> Visitor:
    visitor = Visitor(f"demo-{secrets.token_hex(4)}@example.org", secrets.token_urlsafe(12))
    began = monotonic()
    body = {"email": visitor.email, "password": visitor.password, "name": "Demo"}
    _expect(client.post("/api/signup", json=body), httpx.codes.CREATED)
    console.print(f"Signed up as {visitor.email} in {(monotonic() - began) * 1000:.0f} ms")
    return visitor


def _verify(client: httpx.Client, visitor: Visitor, console: Console) -> None:
    began = monotonic()
    mail = _await_mail(client, visitor)
    console.print(f"The mail was there {monotonic() - began:.1f} s later: {mail['subject']}")
    link = _LINK.search(mail["text"])
    if link is None:
        raise DemoFailed("The verification mail has no line that is only its link.")
    _expect(client.post("/api/verify-email", json={"token": link[1]}), httpx.codes.OK)
    console.print("Verified the address")


def _await_mail(client: httpx.Client, visitor: Visitor) -> Json:
    deadline = monotonic() + MAIL_SECONDS
    while monotonic() < deadline:
        answer = client.get("/mailbox/messages", params={"to": visitor.email})
        if answer.status_code == httpx.codes.NOT_FOUND:
            raise DemoFailed("The stack sends its mail elsewhere (EMAIL_URL), so the demo cannot read it.")
        found: list[Json] = _expect(answer, httpx.codes.OK).json()
        if found:
            mail: Json = _expect(client.get(f"/mailbox/messages/{found[0]['id']}"), httpx.codes.OK).json()
            return mail
        Event().wait(_PAUSE_SECONDS)
    raise DemoFailed(f"No verification mail came within {MAIL_SECONDS} s. Does a worker run?")


def _log_in(client: httpx.Client, visitor: Visitor, console: Console) -> None:
    body = {"email": visitor.email, "password": visitor.password}
    token = _expect(client.post("/api/login", json=body), httpx.codes.OK).json()["token"]
    client.headers["Authorization"] = f"Bearer {token}"
    console.print("Logged in")


def _upload(client: httpx.Client, film: Path, console: Console) -> Json:
    began = monotonic()
    with film.open("rb") as file:
        answer = client.post(
            "/api/videos",
            files={"file": (film.name, file)},
            data={"title": "Offstage"},
            headers={"Idempotency-Key": secrets.token_hex(16)},
        )
    video: Json = _expect(answer, httpx.codes.ACCEPTED).json()
    size = film.stat().st_size / 1e6
    console.print(
        f"Uploaded {film.name} ({size:.1f} MB) in {(monotonic() - began) * 1000:.0f} ms: {video['id']}"
    )
    return video


def _watch(client: httpx.Client, accepted: Json, console: Console) -> Json:
    """Follow the video's events with a bar for it and for each of its steps; return it when it is ready."""
    video = accepted
    columns = (TextColumn("{task.description:>10}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as bars:
        whole = bars.add_task("video", total=100)
        steps = {step["name"]: bars.add_task(step["name"], total=100) for step in accepted["steps"]}
        for changed in _changes(client, accepted["id"]):
            video = changed
            bars.update(whole, completed=video["progress"])
            for step in video["steps"]:
                bars.update(steps[step["name"]], completed=step["progress"])
    if video["state"] != "ready":
        raise DemoFailed(f"The video ended {video['state']}: {video['error'] or 'nobody said why'}")
    return video


def _changes(client: httpx.Client, video_id: str) -> Iterator[Json]:
    """Yield the video after each change until it is final; a stream that breaks is opened again."""
    deadline = monotonic() + FILM_SECONDS
    last_id = ""
    while monotonic() < deadline:
        headers = {"Last-Event-ID": last_id} if last_id else {}
        with client.stream("GET", f"/api/videos/{video_id}/events", headers=headers) as stream:
            if stream.status_code != httpx.codes.OK:
                raise DemoFailed(f"The video's events answered {stream.status_code}.")
            for event in _events(stream):
                last_id = event.get("id", last_id)
                if event.get("event") == "end":
                    return
                if event.get("event") == "video":
                    yield json.loads(event["data"])
    raise DemoFailed(f"The video was not ready within {FILM_SECONDS} s.")


def _events(stream: httpx.Response) -> Iterator[dict[str, str]]:
    event: dict[str, str] = {}
    for line in stream.iter_lines():
        name, colon, value = line.partition(": ")
        if colon and name:
            event[name] = value
        elif not line and event:
            yield event
            event = {}


def _show(client: httpx.Client, video: Json, console: Console) -> None:
    outputs = video["outputs"]
    vmaf = outputs["quality"]["vmaf"]
    console.print(f"[bold]Ready: {video['width']}x{video['height']}, {video['duration']:.1f} s[/]")
    lines = [(name, outputs[name]) for name in ("hls", "dash")]
    lines += [(f"mp4 {mp4['height']}", mp4["url"]) for mp4 in outputs["mp4"]]
    lines += [("poster", outputs["poster"]), ("storyboard", outputs["storyboard"])]
    lines += [(f"thumbnail {number}", url) for number, url in enumerate(outputs["thumbnails"], 1)]
    lines += [(f"words, {subtitles['language']}", subtitles["url"]) for subtitles in outputs["subtitles"]]
    lines.append(("quality", "not measured" if vmaf is None else f"VMAF {vmaf:.1f}"))
    for name, value in lines:
        # Not wrapped: a URL that is cut cannot be clicked.
        console.print(f"{name:>12}  {value}", soft_wrap=True, highlight=False)
    for subtitles in outputs["subtitles"]:
        words = _words(_expect(client.get(subtitles["url"]), httpx.codes.OK).text)
        console.print(f"What is said: [italic]{words}[/]")


def _words(webvtt: str) -> str:
    """Return the text of the cues."""
    cues = [block.splitlines() for block in webvtt.split("\n\n")]
    return " ".join(
        line
        for cue in cues
        for number, before in enumerate(cue)
        if "-->" in before
        for line in cue[number + 1 :]
    )


def _check(client: httpx.Client, video: Json) -> int:
    """Ask for every URL, and for a part of each MP4; return how many answered as they should."""
    outputs = video["outputs"]
    films = [mp4["url"] for mp4 in outputs["mp4"]]
    urls = [outputs[name] for name in ("hls", "dash", "poster", "storyboard")]
    urls += [*films, *outputs["thumbnails"], *(subtitles["url"] for subtitles in outputs["subtitles"])]
    for url in urls:
        if not _expect(client.get(url), httpx.codes.OK).content:
            raise DemoFailed(f"{url} is empty.")
    for url in films:
        part = _expect(client.get(url, headers={"Range": "bytes=0-99"}), httpx.codes.PARTIAL_CONTENT)
        if len(part.content) != 100:  # noqa: PLR2004 - what was asked for
            raise DemoFailed(f"{url} answered {len(part.content)} bytes where 100 were asked for.")
    return len(urls)


def _expect(answer: httpx.Response, status: int) -> httpx.Response:
    if answer.status_code != status:
        asked = f"{answer.request.method} {answer.request.url}"
        raise DemoFailed(f"{asked} answered {answer.status_code}, not {status:d}: {answer.text[:200]}")
    return answer
