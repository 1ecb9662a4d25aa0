"""`manage.py deposit_films`: for an installation that is given a bucket after it has videos."""

from typing import Any

from django.core.management.base import BaseCommand

from media_pipeline.files import bucket_upload


class Command(BaseCommand):
    """Give the bucket the videos that only this machine has."""

    help = (
        "After STORAGE_URL was set: give the bucket the videos that only this machine has. May be repeated."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        """Send what is not there yet, and say how many videos it was about."""
        print(f"{bucket_upload.deposit_films()} videos sent")
