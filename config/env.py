"""The only reader of the process's environment: every variable, its default, and what it may be.

`load()` parses everything at the first call into one frozen `Env`. A variable that does not parse stops the
program with one line on stderr that names it (exit status 2); the value of a secret is never part of that line.
"""

import os
import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TypeVar
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from dotenv import dotenv_values

from config import running

ROOT = Path(__file__).resolve().parent.parent

T = TypeVar("T")


class BadVariable(ValueError):
    """A variable of the environment that does not parse; its text is the line the user sees."""


@dataclass(frozen=True, slots=True)
class MailServer:
    """Where outgoing mail is handed over."""

    host: str
    port: int
    user: str
    password: str = field(repr=False)
    starttls: bool
    tls: bool


@dataclass(frozen=True, slots=True)
class Bucket:
    """An S3 bucket that keeps the files which machines share."""

    name: str
    endpoint_url: str | None
    region: str | None
    access_key: str | None = field(repr=False)
    secret_key: str | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class Ports:
    """The ports of `make run`."""

    web: int
    flower: int
    exporter: int
    mail: int


@dataclass(frozen=True, slots=True)
class Services:
    """The services the program talks to; None means the embedded one."""

    database_url: str | None = field(repr=False)
    cache_url: str | None = field(repr=False)
    broker_url: str | None = field(repr=False)
    mail_server: MailServer | None
    bucket: Bucket | None
    storage_cache_hours: int
    database_pool_size: int


@dataclass(frozen=True, slots=True)
class Web:
    """What Django needs to know to answer browsers safely."""

    secret_key: str | None = field(repr=False)
    secret_key_fallbacks: tuple[str, ...] = field(repr=False)
    debug: bool
    allowed_hosts: tuple[str, ...]
    public_url: str
    trusted_origins: tuple[str, ...]
    cors_allowed_origins: tuple[str, ...]
    behind_https_proxy: bool
    hsts_subdomains: bool
    proxies: int
    body_max_bytes: int
    throttles: Mapping[str, str]
    login_max_failures: int
    login_max_failures_per_account: int
    password_hashes_at_once: int
    password_hash_wait_seconds: float
    session_idle_minutes: int
    session_max_hours: int
    token_idle_days: int
    token_days: int
    event_streams_per_user: int
    staff_two_factor_required: bool


@dataclass(frozen=True, slots=True)
class Requests:
    """How large, slow and many the requests of a client may be, before any view sees them."""

    head_seconds: float
    head_max_bytes: int
    max_headers: int
    anonymous_body_max_bytes: int
    body_min_bytes_per_second: int
    response_silence_seconds: float
    max_connections: int
    per_connection: int


@dataclass(frozen=True, slots=True)
class Jobs:
    """How jobs are retried, leased, published and forgotten."""

    concurrency: int
    stop_seconds: float
    retry_base_seconds: float
    retry_max_seconds: float
    max_attempts: int
    error_max_chars: int
    lease_seconds: float
    poll_seconds: float
    republish_seconds: float
    stranded_seconds: float
    max_in_flight: int
    share_in_flight: int
    retention_days: int


@dataclass(frozen=True, slots=True)
class Mail:
    """How much mail leaves, and in whose name."""

    rate: str
    sender: str


@dataclass(frozen=True, slots=True)
class Push:
    """Web Push: our key, and push services of one's own that are not on the public internet."""

    private_key: str | None = field(repr=False)
    private_origins: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Webhooks:
    """How many a user may have, how long a receiver may take, and receivers inside one's own network."""

    per_user: int
    answer_seconds: float
    private_origins: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Video:
    """What a video may be, and how it is cut up."""

    max_bytes: int
    max_seconds: int
    max_pixels: int
    max_packets: int
    max_frames: int
    free_pixels: int
    pixels_per_byte: int
    max_audio_tracks: int
    program_memory_bytes: int
    program_file_bytes: int
    text_max_bytes: int
    text_tracks: int
    subtitles_max_bytes: int
    chunk_seconds: int
    largest_rung: int
    whisper_model: str


@dataclass(frozen=True, slots=True)
class Quotas:
    """What one user may have of videos; None is no limit."""

    unfinished: int | None
    videos: int | None
    bytes: int | None


@dataclass(frozen=True, slots=True)
class Uploads:
    """How long resumable uploads are kept, how many one user may have, and how long one may fall silent."""

    expire_hours: int
    max_open: int
    at_once: int
    silence_seconds: float


@dataclass(frozen=True, slots=True)
class Logs:
    """How the log lines look: `auto` is colours on a terminal and JSON elsewhere."""

    level: str
    format: str


@dataclass(frozen=True, slots=True)
class Env:
    """Everything the environment says, parsed."""

    data: Path
    bind_address: str
    ports: Ports
    services: Services
    web: Web
    requests: Requests
    jobs: Jobs
    mail: Mail
    push: Push
    webhooks: Webhooks
    video: Video
    quotas: Quotas
    uploads: Uploads
    logs: Logs
    fault_point: tuple[str, str, int] | None


@dataclass(frozen=True, slots=True)
class Variable:
    """One variable as it was asked for: its name and its default as a user would write it."""

    name: str
    default: str


@cache
def load() -> Env:
    """Return the environment of this process, read once; end the program where a variable does not parse."""
    try:
        return read(_given())
    except BadVariable as error:
        print(f"offstage: {error}", file=sys.stderr)  # noqa: T201 (no logging yet: it is configured from this)
        raise SystemExit(2) from None


def announce_stack() -> None:
    """Tell other processes with the same data folder what this stack was given; see config/running.py."""
    running.announce(load().data, _given())


def select_settings() -> None:
    """Name the settings module to Django where nobody named one."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")


def inherited(changes: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of this process with `changes`, for a program that it starts."""
    return {**os.environ, **changes}


def share_web_metrics(folder: Path) -> None:
    """Have prometheus_client keep its figures in files of `folder`; to be called before it is imported."""
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(folder)


def read(environ: Mapping[str, str]) -> Env:
    """Return `environ` parsed. Raises BadVariable for the first one that does not parse."""
    return _read(_Reader(environ))


def variables() -> tuple[Variable, ...]:
    """Return every variable there is, in the order in which they are read."""
    reader = _Reader({})
    _read(reader)
    return tuple(reader.asked)


class _Reader:
    """Hands out the parsed variables of one mapping and remembers which were asked for."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self.environ = environ
        self.asked: list[Variable] = []

    def __call__(self, name: str, default: str, parse: Callable[[str], T], *, secret: bool = False) -> T:
        self.asked.append(Variable(name, default))
        # Set but empty is unset: compose files and CI pass variables on that way.
        text = self.environ.get(name, "").strip() or default
        try:
            return parse(text)
        except ValueError as error:
            shown = "" if secret else f", not {text!r}"
            raise BadVariable(f"{name} must be {error}{shown}") from None

    def optional(self, name: str, parse: Callable[[str], T], *, secret: bool = False) -> T | None:
        return self(name, "", lambda text: parse(text) if text else None, secret=secret)


def _read(get: _Reader) -> Env:
    data = get("OFFSTAGE_DATA", "var", _folder)
    bind_address = get("BIND_ADDRESS", "127.0.0.1", _host)
    ports = Ports(
        web=get("WEB_PORT", "8000", _whole(1, 65_535)),
        flower=get("FLOWER_PORT", "5555", _whole(1, 65_535)),
        exporter=get("EXPORTER_PORT", "9808", _whole(1, 65_535)),
        mail=get("MAIL_PORT", "1025", _whole(1, 65_535)),
    )
    services = Services(
        database_url=get.optional("DATABASE_URL", _url("postgresql", "postgres"), secret=True),
        cache_url=get.optional("CACHE_URL", _url("redis", "rediss", "unix"), secret=True),
        broker_url=get.optional(
            "BROKER_URL",
            _url("redis", "rediss", "redis+socket", "amqp", "amqps", "sqs"),
            secret=True,
        ),
        mail_server=get.optional("EMAIL_URL", _mail_server, secret=True),
        bucket=get.optional("STORAGE_URL", _bucket, secret=True),
        # No less: the longest step may work on its copies for 12 hours.
        storage_cache_hours=get("STORAGE_CACHE_HOURS", "24", _whole(13, 8760)),
        database_pool_size=get("DATABASE_POOL_SIZE", "0", _whole(0, 1000)),
    )
    web = Web(
        secret_key=get.optional("SECRET_KEY", str, secret=True),
        secret_key_fallbacks=get("SECRET_KEY_FALLBACKS", "", _words, secret=True),
        debug=get("DEBUG", "false", _yes_or_no),
        allowed_hosts=get("ALLOWED_HOSTS", "localhost,127.0.0.1,[::1]", _words),
        public_url=get("PUBLIC_URL", f"http://127.0.0.1:{ports.web}", _web_address),
        trusted_origins=get("CSRF_TRUSTED_ORIGINS", "", _origins),
        cors_allowed_origins=get("CORS_ALLOWED_ORIGINS", "", _exact_origins),
        behind_https_proxy=get("BEHIND_HTTPS_PROXY", "false", _yes_or_no),
        hsts_subdomains=get("HSTS_SUBDOMAINS", "true", _yes_or_no),
        proxies=get("NUM_PROXIES", "0", _whole(0, 10)),
        body_max_bytes=get("BODY_MAX_BYTES", "2621440", _whole(1024, 2**30)),
        throttles={
            "signup": get("SIGNUP_THROTTLE", "20/min", _rate),
            "login": get("LOGIN_THROTTLE", "60/min", _rate),
            "password_reset": get("PASSWORD_RESET_THROTTLE", "10/min", _rate),
            "address_mail": get("ADDRESS_MAIL_THROTTLE", "10/h", _rate),
        },
        login_max_failures=get("LOGIN_MAX_FAILURES", "10", _whole(1, 1000)),
        login_max_failures_per_account=get("LOGIN_MAX_FAILURES_PER_ACCOUNT", "100", _whole(1, 100_000)),
        password_hashes_at_once=get("PASSWORD_HASHES_AT_ONCE", "2", _whole(1, 512)),
        password_hash_wait_seconds=get("PASSWORD_HASH_WAIT_SECONDS", "10", _seconds(0.1, 60)),
        session_idle_minutes=get("SESSION_IDLE_MINUTES", "120", _whole(2, 525_600)),
        session_max_hours=get("SESSION_MAX_HOURS", "12", _whole(1, 8760)),
        token_idle_days=get("TOKEN_IDLE_DAYS", "14", _whole(1, 3650)),
        token_days=get("TOKEN_DAYS", "30", _whole(1, 3650)),
        event_streams_per_user=get("EVENT_STREAMS_PER_USER", "20", _whole(1, 10_000)),
        staff_two_factor_required=get("STAFF_TWO_FACTOR_REQUIRED", "false", _yes_or_no),
    )
    requests = Requests(
        head_seconds=get("REQUEST_HEAD_SECONDS", "10", _seconds(0.1, 3600)),
        head_max_bytes=get("REQUEST_HEAD_MAX_BYTES", "32768", _whole(1024, 2**20)),
        max_headers=get("REQUEST_MAX_HEADERS", "100", _whole(10, 10_000)),
        anonymous_body_max_bytes=get("ANONYMOUS_BODY_MAX_BYTES", "65536", _whole(1024, 2**30)),
        body_min_bytes_per_second=get("BODY_MIN_BYTES_PER_SECOND", "500", _whole(0, 2**20)),
        response_silence_seconds=get("RESPONSE_SILENCE_SECONDS", "120", _seconds(0.1, 86_400)),
        max_connections=get("MAX_CONNECTIONS", "1000", _whole(1, 100_000)),
        per_connection=get("REQUESTS_PER_CONNECTION", "1000", _whole(1, 1_000_000)),
    )
    jobs = Jobs(
        concurrency=get.optional("WORKER_CONCURRENCY", _whole(1, 512)) or os.cpu_count() or 1,
        stop_seconds=get("WORKER_STOP_SECONDS", "8", _seconds(0, 86_400)),
        retry_base_seconds=get("JOB_RETRY_BASE_SECONDS", "60", _seconds(0, 86_400)),
        retry_max_seconds=get("JOB_RETRY_MAX_SECONDS", "86400", _seconds(0, 365 * 86_400)),
        max_attempts=get("JOB_MAX_ATTEMPTS", "5", _whole(1, 100)),
        error_max_chars=get("JOB_ERROR_MAX_CHARS", "10000", _whole(1000, 1_000_000)),
        lease_seconds=get("JOB_LEASE_SECONDS", "60", _seconds(0.5, 86_400)),
        poll_seconds=get("JOB_POLL_SECONDS", "1", _seconds(0.05, 60)),
        republish_seconds=get("JOB_REPUBLISH_SECONDS", "30", _seconds(1, 86_400)),
        stranded_seconds=get("JOB_STRANDED_SECONDS", "3600", _seconds(1, 30 * 86_400)),
        max_in_flight=get("JOB_MAX_IN_FLIGHT", "1000", _whole(1, 1_000_000)),
        share_in_flight=get("JOB_SHARE_IN_FLIGHT", "1", _whole(1, 1_000_000)),
        retention_days=get("JOB_RETENTION_DAYS", "7", _whole(1, 3650)),
    )
    mail = Mail(
        rate=get("EMAIL_RATE", "50/s", _rate),
        sender=get("DEFAULT_FROM_EMAIL", "Offstage <offstage@localhost>", _address),
    )
    push = Push(
        private_key=get.optional("VAPID_PRIVATE_KEY", _private_key, secret=True),
        private_origins=get("PUSH_PRIVATE_ORIGINS", "", _origins),
    )
    webhooks = Webhooks(
        per_user=get("WEBHOOKS_PER_USER", "10", _whole(0, 1000)),
        answer_seconds=get("WEBHOOK_ANSWER_SECONDS", "10", _seconds(0.1, 15)),
        private_origins=get("WEBHOOK_PRIVATE_ORIGINS", "", _origins),
    )
    video = Video(
        max_bytes=get("VIDEO_MAX_BYTES", "4GiB", _size),
        max_seconds=get("VIDEO_MAX_SECONDS", "4h", _duration),
        max_pixels=get("VIDEO_MAX_PIXELS", "7680x4320", _pixels),
        max_packets=get("VIDEO_MAX_PACKETS", "8000000", _whole(1000, 10**9)),
        max_frames=get("VIDEO_MAX_FRAMES", "2000000", _whole(1000, 10**9)),
        free_pixels=get("VIDEO_FREE_PIXELS", "20000000000", _whole(0, 10**12 - 1)),
        pixels_per_byte=get("VIDEO_PIXELS_PER_BYTE", "500000", _whole(1, 10**9)),
        max_audio_tracks=get("VIDEO_MAX_AUDIO_TRACKS", "16", _whole(1, 64)),
        program_memory_bytes=get("VIDEO_PROGRAM_MEMORY_BYTES", "8GiB", _size),
        program_file_bytes=get("VIDEO_PROGRAM_FILE_BYTES", "16GiB", _size),
        text_max_bytes=get("VIDEO_TEXT_MAX_BYTES", "8MiB", _size),
        text_tracks=get("VIDEO_TEXT_TRACKS", "64", _whole(0, 1000)),
        subtitles_max_bytes=get("VIDEO_SUBTITLES_MAX_BYTES", "2MiB", _size),
        chunk_seconds=get("VIDEO_CHUNK_SECONDS", "12", _whole(2, 600)),
        largest_rung=get("VIDEO_LARGEST_RUNG", "2160", _whole(360, 2160)),
        whisper_model=get("WHISPER_MODEL", "", str),
    )
    quotas = Quotas(
        unfinished=get("VIDEOS_UNFINISHED_PER_USER", "100", _or_none(_whole(1, 10**9))),
        videos=get("VIDEOS_PER_USER", "10000", _or_none(_whole(0, 10**9))),
        bytes=get("VIDEO_BYTES_PER_USER", "1TiB", _or_none(_size)),
    )
    uploads = Uploads(
        expire_hours=get("UPLOAD_EXPIRE_HOURS", "24", _whole(1, 8760)),
        max_open=get("UPLOAD_MAX_OPEN", "10", _whole(1, 10_000)),
        at_once=get("UPLOADS_AT_ONCE", "10", _whole(1, 10_000)),
        silence_seconds=get("UPLOAD_SILENCE_SECONDS", "10", _seconds(0.1, 3600)),
    )
    logs = Logs(
        level=get("LOG_LEVEL", "info", _one_of("debug", "info", "warning", "error")),
        format=get("LOG_FORMAT", "auto", _one_of("auto", "json", "console")),
    )
    fault_point = get.optional("FAULT_POINT", _fault_point)
    return Env(
        data,
        bind_address,
        ports,
        services,
        web,
        requests,
        jobs,
        mail,
        push,
        webhooks,
        video,
        quotas,
        uploads,
        logs,
        fault_point,
    )


def _given() -> dict[str, str]:
    """Return the variables of this process, those of the file, and those of a running stack where neither sets them."""
    given = {name: value for name, value in {**_env_file(os.environ), **os.environ}.items() if value.strip()}
    data = _Reader(given)("OFFSTAGE_DATA", "var", _folder)
    return {**running.variables(data), **given}


def _env_file(environ: Mapping[str, str]) -> dict[str, str]:
    """Return what the file `ENV_FILE` (default `.env`) says; the process's own variables win over it."""
    path = ROOT / environ.get("ENV_FILE", ".env")
    if not path.is_file():
        return {}
    return {name: value for name, value in dotenv_values(path).items() if value is not None}


# Each parser returns its value or raises ValueError with the words that follow "NAME must be".


def _folder(text: str) -> Path:
    path = (ROOT / Path(text).expanduser()).resolve()
    if path.exists() and not path.is_dir():
        raise ValueError("a folder")
    return path


def _host(text: str) -> str:
    if not re.fullmatch(r"[\w.:-]+", text):
        raise ValueError("an address to listen on, such as 127.0.0.1 or 0.0.0.0")
    return text


def _whole(lowest: int, highest: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        if not re.fullmatch(r"[0-9]{1,12}", text) or not lowest <= int(text) <= highest:
            raise ValueError(f"a whole number from {lowest} to {highest}")
        return int(text)

    return parse


def _or_none(parse: Callable[[str], int]) -> Callable[[str], int | None]:
    def parse_or_none(text: str) -> int | None:
        if text.lower() == "none":
            return None
        try:
            return parse(text)
        except ValueError as error:
            raise ValueError(f"{error}, or none") from None

    return parse_or_none


def _seconds(lowest: float, highest: float) -> Callable[[str], float]:
    number = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9})?|\.[0-9]{1,9}")

    def parse(text: str) -> float:
        if not number.fullmatch(text) or not lowest <= float(text) <= highest:
            raise ValueError(f"a number of seconds from {lowest:g} to {highest:g}")
        return float(text)

    return parse


def _yes_or_no(text: str) -> bool:
    if text.lower() in ("true", "1", "yes", "on"):
        return True
    if text.lower() in ("false", "0", "no", "off"):
        return False
    raise ValueError("true or false")


def _one_of(*words: str) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if text.lower() not in words:
            raise ValueError(f"one of {', '.join(words)}")
        return text.lower()

    return parse


def _words(text: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in text.split(",") if word.strip())


def _address(text: str) -> str:
    if not re.fullmatch(r"[^<>\r\n]*<[^<>@\s]+@[^<>@\s]+>|[^<>@\s]+@[^<>@\s]+", text):
        raise ValueError("an address such as Offstage <offstage@example.com>")
    return text


def _private_key(text: str) -> str:
    """Return a PEM key; its line breaks may be written as \\n, since many tools keep a variable on one line."""
    key = text.replace("\\n", "\n")
    if not key.startswith("-----BEGIN "):
        raise ValueError("a private key in PEM form (P-256)")
    return key


def _rate(text: str) -> str:
    """Return the rate as the `limits` package writes it: 20/minute for 20/min or 20/m; none stays none."""
    if text.lower() == "none":
        return "none"
    match = re.fullmatch(r"([0-9]{1,9})\s*/\s*([a-z]+)", text.lower())
    periods = {
        word: period
        for period, words in {
            "second": ("s", "sec", "second", "seconds"),
            "minute": ("m", "min", "minute", "minutes"),
            "hour": ("h", "hour", "hours"),
            "day": ("d", "day", "days"),
        }.items()
        for word in words
    }
    if match is None or match[2] not in periods or int(match[1]) == 0:
        raise ValueError("a rate such as 50/s, 20/min or 1000/h, or none")
    return f"{int(match[1])}/{periods[match[2]]}"


def _fault_point(text: str) -> tuple[str, str, int]:
    match = re.fullmatch(r"([a-z]+\.[a-z]+):(kill|kill_parent|stop):([1-9][0-9]{0,2})", text)
    if match is None:
        raise ValueError("point:action:count such as run.ran:kill:1")
    return match[1], match[2], int(match[3])


def _size(text: str) -> int:
    units = {
        "": 1, "b": 1,
        "k": 1024, "kib": 1024, "kb": 1000,
        "m": 1024**2, "mib": 1024**2, "mb": 1000**2,
        "g": 1024**3, "gib": 1024**3, "gb": 1000**3,
        "t": 1024**4, "tib": 1024**4, "tb": 1000**4,
    }  # fmt: skip
    match = re.fullmatch(r"([0-9]{1,18})\s*([a-z]*)", text.lower())
    if match is None or match[2] not in units or int(match[1]) == 0:
        raise ValueError("a size such as 4GiB, 500MB or a number of bytes")
    return int(match[1]) * units[match[2]]


def _duration(text: str) -> int:
    units = {"": 1, "s": 1, "m": 60, "min": 60, "h": 3600}
    match = re.fullmatch(r"([0-9]{1,9})\s*([a-z]*)", text.lower())
    if match is None or match[2] not in units or int(match[1]) == 0:
        raise ValueError("a duration such as 4h, 90min or a number of seconds")
    return int(match[1]) * units[match[2]]


def _pixels(text: str) -> int:
    # Both the letter and the sign of multiplication: that is how sizes are printed.
    match = re.fullmatch(r"([0-9]{1,10})(?:\s*[x\u00d7]\s*([0-9]{1,6}))?", text.lower())
    count = int(match[1]) * int(match[2] or 1) if match else 0
    if count == 0:
        raise ValueError("width by height such as 7680x4320, or a number of pixels")
    return count


def _url(*schemes: str) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if _split(text).scheme not in schemes or "://" not in text:
            raise ValueError(f"a URL that begins with {' or '.join(f'{scheme}://' for scheme in schemes)}")
        return text

    return parse


def _web_address(text: str) -> str:
    url = _split(text)
    if url.scheme not in ("http", "https") or not url.hostname:
        raise ValueError("an address such as https://offstage.example.com")
    return text.rstrip("/")


def _origins(text: str) -> tuple[str, ...]:
    return tuple(_web_address(origin) for origin in _words(text))


def _exact_origins(text: str) -> tuple[str, ...]:
    """Return origins as browsers send them: in lower case, without a default port. A path would match nothing."""
    return tuple(_exact_origin(origin) for origin in _words(text))


def _exact_origin(text: str) -> str:
    url = _split(_web_address(text))
    if url.path or url.query or url.fragment or url.username is not None:
        raise ValueError("origins such as https://app.example.com, without a path")
    default_port = 443 if url.scheme == "https" else 80
    return f"{url.scheme}://{url.netloc.lower().removesuffix(f':{default_port}')}"


def _mail_server(text: str) -> MailServer:
    """Return the server of smtp://user:password@host:port; smtp+tls is STARTTLS, smtps is TLS from the first byte."""
    default_ports = {"smtp": 25, "smtp+tls": 587, "smtps": 465, "smtp+ssl": 465}
    url = _split(text)
    if url.scheme not in default_ports or not url.hostname:
        raise ValueError("smtp://user:password@host:port, smtp+tls://… (STARTTLS) or smtps://…")
    return MailServer(
        host=url.hostname,
        port=url.port or default_ports[url.scheme],
        user=unquote(url.username or ""),
        password=unquote(url.password or ""),
        starttls=url.scheme == "smtp+tls",
        tls=url.scheme in ("smtps", "smtp+ssl"),
    )


def _bucket(text: str) -> Bucket:
    """Return the bucket of s3://key:secret@bucket?endpoint_url=…&region=…; without a key boto3 looks for its own."""
    url = _split(text)
    query = dict(parse_qsl(url.query))
    known = {"endpoint_url", "region", "access_key", "secret_key"}
    if url.scheme != "s3" or not url.hostname or set(query) - known:
        raise ValueError("s3://bucket, with ?endpoint_url=…&region=…&access_key=…&secret_key=… where needed")
    return Bucket(
        name=url.hostname,
        endpoint_url=query.get("endpoint_url"),
        region=query.get("region"),
        access_key=query.get("access_key") or (unquote(url.username) if url.username else None),
        secret_key=query.get("secret_key") or (unquote(url.password) if url.password else None),
    )


def _split(text: str) -> SplitResult:
    """Return `text` as a URL; one that makes no sense at all becomes the empty one, which no parser accepts."""
    try:
        url = urlsplit(text)
        url.port  # noqa: B018 (reading it is what checks it)
    except ValueError:
        return urlsplit("")
    return url
