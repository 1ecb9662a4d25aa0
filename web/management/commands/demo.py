"""`manage.py demo`: show the whole way against a running stack."""

import logging
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from rich.console import Console

from web import demo

SAMPLE = Path("media_pipeline") / "sample" / "offstage.mp4"


class Command(BaseCommand):
    """Sign up, verify, upload a video, watch it, print and check what came out."""

    help = (
        "Against a running stack: sign up, verify, upload a video, watch it, print and check what came out."
    )
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take another video or another stack."""
        parser.add_argument(
            "--film", type=Path, default=settings.BASE_DIR / SAMPLE, help="default: the sample"
        )
        parser.add_argument(
            "--url", default=f"http://127.0.0.1:{settings.WEB_PORT}", help="default: by WEB_PORT"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Run it; exit status 1 and one line where anything fails."""
        logging.getLogger("httpx").setLevel(logging.WARNING)
        try:
            demo.run(options["url"], options["film"], Console())
        except demo.DemoFailed as error:
            raise CommandError(str(error)) from error
