"""Real processes on the test database: what is committed is committed, so each module cleans up behind itself."""

import pytest
from django.db import connection
from django.test.utils import setup_databases, teardown_databases

from celery_ledger.models import Chord, Job
from tests.integration.stage import Stage
from tests.integration.testtasks import effects, tasks


@pytest.fixture(scope="session")
def committed_database(django_db_setup, django_db_blocker, django_db_keepdb):
    """The test database. pytest-django makes it only for tests with its mark; ours commit and clean up themselves."""
    if _is_made():
        yield
        return
    with django_db_blocker.unblock():
        made = setup_databases(0, interactive=False, aliases={"default"}, keepdb=django_db_keepdb)
    yield
    if not django_db_keepdb:
        with django_db_blocker.unblock():
            teardown_databases(made, 0)


@pytest.fixture(scope="module")
def ledger(committed_database, django_db_blocker):
    """The ledger without a transaction around it, empty before and after."""
    with django_db_blocker.unblock():
        assert _is_made()
        assert tasks.add.name == "test.add"
        effects.drop_table()
        effects.create_table()
        yield
        _empty()
        effects.drop_table()


@pytest.fixture
def make_stage(ledger, tmp_path):
    """Makes a broker of this test's own, with variables for the processes that the test starts."""
    stages = []

    def make(**variables):
        stages.append(Stage(tmp_path, **variables))
        stages[-1].broker.start()
        return stages[-1]

    yield make
    for stage in stages:
        stage.close()
    _empty()


@pytest.fixture
def stage(make_stage):
    """A broker of this test's own; the test starts the workers."""
    return make_stage()


@pytest.fixture(scope="module")
def running_stage(ledger, tmp_path_factory):
    """A broker and a worker that the module's tests share, for those that break nothing."""
    stage = Stage(tmp_path_factory.mktemp("stage"))
    stage.broker.start()
    stage.worker = stage.start_worker()
    yield stage
    stage.close()


def _is_made() -> bool:
    return str(connection.settings_dict["NAME"]).startswith("test_")


def _empty() -> None:
    Job.objects.all().delete()
    Chord.objects.all().delete()
    effects.empty_table()
