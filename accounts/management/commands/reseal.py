"""`manage.py reseal`: seal everything under the present SECRET_KEY."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from accounts import resealing


class Command(BaseCommand):
    """Seals what SECRET_KEY_FALLBACKS sealed anew."""

    help = (
        "Seal under SECRET_KEY what one of SECRET_KEY_FALLBACKS sealed: webhook secrets, keys of authenticator apps, "
        "stored responses. Afterwards the fallbacks are needed only by sessions that are older."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        """Seal, and say how much that was."""
        done, unreadable = resealing.reseal_all()
        print(f"{done} sealed under SECRET_KEY")
        if unreadable:
            raise CommandError(
                f"{unreadable} can be read with none of the keys: SECRET_KEY_FALLBACKS lacks one"
            )
