"""Takes over the tables of `jobs`, the app that this library was before it had a name of its own."""

import re
from typing import Any

from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations import SeparateDatabaseAndState
from django.db.migrations.recorder import MigrationRecorder
from django.db.migrations.state import ProjectState

OLD_APP, NEW_APP = "jobs", "celery_ledger"
LAST_MIGRATION = "0008_indexes"
TABLES = ("job", "error", "chord", "chordpart", "chain", "unreached", "beatentry")

# Those of foreign keys end with eight digits of a hash.
NAMED_BY_DJANGO = re.compile(r"_[0-9a-f]{8}(_|$)")
#: Indexes and sequences; `alter table` renames both.
RELATIONS = """
    select relname from pg_class where relnamespace = current_schema()::regnamespace and relkind in ('i', 'S')
      and relname like 'jobs\\_%%'
"""
CONSTRAINTS = """
    select conname, conrelid::regclass::text from pg_constraint
    where connamespace = current_schema()::regnamespace and conname like 'jobs\\_%%' and contype <> 'n'
"""


class NotMigrated(Exception):
    """The tables are older than the last release of `jobs`."""


class AdoptOrCreate(SeparateDatabaseAndState):
    """Creates the tables with `operations`, or renames those of `jobs` where they exist; no row is touched."""

    def __init__(self, operations: Any) -> None:
        super().__init__(database_operations=operations, state_operations=operations)

    def deconstruct(self) -> tuple[str, list[Any], dict[str, Any]]:
        """Return how a migration writes this operation."""
        return type(self).__name__, [], {"operations": self.state_operations}

    def database_forwards(
        self,
        app_label: str,
        schema_editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,
        to_state: ProjectState,
    ) -> None:
        """Adopt or create."""
        if f"{OLD_APP}_job" in schema_editor.connection.introspection.table_names():
            adopt(schema_editor)
        else:
            super().database_forwards(app_label, schema_editor, from_state, to_state)


def adopt(schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Rename the tables of `jobs` with their indexes, constraints, sequences, content types and permissions.

    Raises NotMigrated where the tables are older than the last release of `jobs`.
    """
    connection = schema_editor.connection
    if (OLD_APP, LAST_MIGRATION) not in MigrationRecorder(connection).applied_migrations():
        raise NotMigrated(
            f"This database has tables of the app {OLD_APP!r} that are older than its last release. Install that "
            f"release, migrate to {OLD_APP} {LAST_MIGRATION}, and migrate again with this one."
        )
    quote = schema_editor.quote_name
    with connection.cursor() as cursor:
        cursor.execute(CONSTRAINTS)
        for name, table in cursor.fetchall():
            schema_editor.execute(
                f"alter table {quote(table)} rename constraint {quote(name)} to {quote(_renamed(name))}"
            )
        cursor.execute(RELATIONS)
        for (name,) in cursor.fetchall():
            schema_editor.execute(f"alter table if exists {quote(name)} rename to {quote(_renamed(name))}")
        for table in TABLES:
            schema_editor.alter_db_table(None, f"{OLD_APP}_{table}", f"{NEW_APP}_{table}")  # type: ignore[arg-type]  # it reads only the names
        if "django_content_type" in connection.introspection.table_names(cursor):
            cursor.execute(
                "update django_content_type set app_label = %s where app_label = %s", [NEW_APP, OLD_APP]
            )
        cursor.execute("delete from django_migrations where app = %s", [OLD_APP])


def _renamed(name: str) -> str:
    """Return the new name of an index, a constraint or a sequence."""
    rest = name.removeprefix(f"{OLD_APP}_")
    named_by_its_table = rest.endswith(("_pkey", "_seq", "_check")) or NAMED_BY_DJANGO.search(rest)
    return f"{NEW_APP}_{rest}" if named_by_its_table else f"ledger_{rest}"
