"""Django's PostgreSQL backend, for which a server that takes no writes is one that is away.

After a failover the address may lead, for a while, to a server that only reads. psycopg calls a write to it an
InternalError, which is a bug to everybody who asks; and the session, which answers, would be kept and used again after
the address leads to the right server.
"""

from types import TracebackType

from django.db import OperationalError
from django.db.backends.postgresql import base
from django.db.utils import DatabaseErrorWrapper
from django.utils.functional import cached_property
from psycopg.errors import ReadOnlySqlTransaction


class ErrorWrapper(DatabaseErrorWrapper):
    """Translates psycopg's errors into Django's."""

    wrapper: "DatabaseWrapper"

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Raise OperationalError for a refused write, and end the session: the next may find a server that writes."""
        if isinstance(exc_value, ReadOnlySqlTransaction):
            self.wrapper.errors_occurred = True  # so that Django looks whether the session still works
            self.wrapper.connection.close()
            raise OperationalError(*exc_value.args).with_traceback(traceback) from exc_value
        super().__exit__(exc_type, exc_value, traceback)


class DatabaseWrapper(base.DatabaseWrapper):
    """A connection whose refused writes are the database's weather."""

    @cached_property
    def wrap_database_errors(self) -> ErrorWrapper:
        """Return what every call to psycopg goes through."""
        return ErrorWrapper(self)
