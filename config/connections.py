"""From a URL, or the embedded service where none is given, to what Django takes."""

from typing import Any

from psycopg.conninfo import conninfo_to_dict

from config.env import Env
from config.services import urls


def database(env: Env) -> dict[str, Any]:
    """Return Django's database settings.

    A pool only where DATABASE_POOL_SIZE asks for one (the web process): a worker's process has one connection and keeps
    it, and Celery closes a pool around every fork.
    """
    # libpq itself reads the URL, so sockets, services and TLS options work as in psql.
    parts = conninfo_to_dict(urls(env).database)
    pool = env.services.database_pool_size
    return {
        "ENGINE": "config.database",
        "NAME": parts.pop("dbname", ""),
        "USER": parts.pop("user", ""),
        "PASSWORD": parts.pop("password", ""),
        "HOST": parts.pop("host", ""),
        "PORT": parts.pop("port", ""),
        "CONN_MAX_AGE": 0 if pool else 60,
        "CONN_HEALTH_CHECKS": True,
        "OPTIONS": {
            "application_name": "offstage",
            "connect_timeout": 5,
            # The ledger asks the same few questions thousands of times a minute: PostgreSQL plans them once a session.
            "server_side_binding": True,
            "prepare_threshold": 3,
            # A database host that vanishes without a word is noticed after 15 s, not after the kernel's two hours.
            "keepalives_idle": 5,
            "keepalives_interval": 5,
            "keepalives_count": 2,
            "tcp_user_timeout": 15_000,
            **parts,
            **({"pool": {"min_size": 1, "max_size": pool, "timeout": 5}} if pool else {}),
        },
    }


def cache(env: Env) -> dict[str, Any]:
    """Return Django's cache settings; a cache that hangs costs a request a second, not its life."""
    return {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": urls(env).cache,
        "KEY_PREFIX": "offstage",
        "OPTIONS": {"socket_timeout": 1, "socket_connect_timeout": 1},
    }


def storage(env: Env) -> dict[str, Any]:
    """Return where files are kept: in a folder of OFFSTAGE_DATA, or in a bucket that machines share.

    A bucket that hangs costs seconds: botocore's own limits are a minute, five times over.
    """
    bucket = env.services.bucket
    if bucket is None:
        return {
            "BACKEND": "django.core.files.storage.FileSystemStorage",
            "OPTIONS": {"location": env.data / "media"},
        }
    # Imported only where there is a bucket: all others have no use for boto3.
    from boto3.s3.transfer import TransferConfig  # type: ignore[import-untyped]  # noqa: PLC0415
    from botocore.config import Config  # type: ignore[import-untyped]  # noqa: PLC0415

    # Stand-ins for S3 often do not know the checksums that newer clients send unasked.
    checksums = "when_required" if bucket.endpoint_url else "when_supported"
    return {
        "BACKEND": "storages.backends.s3.S3Storage",
        "OPTIONS": {
            "bucket_name": bucket.name,
            "endpoint_url": bucket.endpoint_url,
            "region_name": bucket.region,
            "access_key": bucket.access_key,
            "secret_key": bucket.secret_key,
            "file_overwrite": True,  # a repeated step writes the same name again
            "client_config": Config(
                connect_timeout=2,
                read_timeout=10,
                max_pool_connections=50,  # the threads of all requests, and 8 files of 4 parts at a time
                retries={"mode": "standard", "total_max_attempts": 3},
                request_checksum_calculation=checksums,
                response_checksum_validation=checksums,
            ),
            # Parts of one large file; several files travel side by side as well.
            "transfer_config": TransferConfig(max_concurrency=4),
        },
    }
