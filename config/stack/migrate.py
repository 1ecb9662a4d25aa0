"""Brings the database up to date, one process at a time: `python -m config.stack.migrate`."""

import django
from django.core.management import call_command
from django.db import connection

from config import env
from config.services import ensure

# Any number, as long as nobody else locks the same one in this database.
LOCK = 0x0FF57A6E


def main() -> None:
    """Migrate while holding the database's lock; a second stack on the same database waits here and finds all done."""
    env.select_settings()
    ensure(env.load())
    django.setup()
    with connection.cursor() as cursor:
        # Held by the session: it ends with this process, however that ends.
        cursor.execute("select pg_advisory_lock(%s)", [LOCK])
    call_command("migrate", interactive=False, verbosity=1)


if __name__ == "__main__":
    main()
