"""Far too many jobs: 100,000 due after an outage, and a hot loop of failing ones."""

from collections.abc import Iterator

from django.db import connection

from celery_ledger.asking.enqueueing import enqueue
from celery_ledger.models import Job
from celery_ledger.states import UNFINISHED
from tests.chaos.load import Load
from tests.chaos.play import fault
from tests.chaos.scene import Scene
from tests.eventually import eventually

FLOOD = 100_000
#: A young job must not wait for a flood in another queue longer than this, at any hour of a busy machine.
YOUNG_SECONDS = 10
COPY = """
    insert into celery_ledger_job (id, name, queue, state, args, kwargs, canvas, headers, run_at, attempts,
        max_attempts, attempts_before, publications, worker, root_id, request_id, error)
    select made.id, name, queue, 'queued', jsonb_build_array('flood-' || made.number), kwargs, canvas,
        jsonb_set(jsonb_set(headers, '{id}', to_jsonb(made.id::text)), '{root_id}', to_jsonb(made.id::text)),
        now() - interval '1 hour', 0, max_attempts, 0, 0, '', made.id, '', ''
    from celery_ledger_job, (select gen_random_uuid() as id, number from generate_series(1, %s) as number) as made
    where celery_ledger_job.id = %s
"""


@fault(
    f"{FLOOD:,} due jobs at once",
    "after an outage, young jobs beside them",
    brokers=("valkey",),
    quiet_seconds=900,
)
def outage(scene: Scene, load: Load) -> Iterator[None]:
    scene.leave_to_others("reports")
    scene.start_worker("crew", "-c", "3", **scene.past_the_network())
    model = enqueue("chaos.flood", "flood-0", delay_seconds=0)
    with connection.cursor() as cursor:
        cursor.execute(COPY, [FLOOD - 1, model])
        cursor.execute("notify celery_ledger_due")
    load.asked.rows |= {f"flood-{number}" for number in range(FLOOD)}
    load.wave()
    eventually(lambda: not _young().filter(state__in=UNFINISHED).exists(), 60)
    waits = [(job.finished_at - job.created_at).total_seconds() for job in _young()]
    assert max(waits) < YOUNG_SECONDS, f"a young job has waited {max(waits):.1f} s behind the flood"
    yield
    yield
    # Nobody else takes from this queue: the crew drops what was sent twice before it goes home.
    eventually(lambda: not scene.broker.waiting("reports"), 60)


@fault("a hot loop of 60 failing jobs", "beside healthy ones", brokers=("valkey",), quiet_seconds=120)
def hot_loop(scene: Scene, load: Load) -> Iterator[None]:
    for number in range(60):
        load.dead("chaos.fail", f"failing-{number}")
    yield


def _young() -> object:
    return Job.objects.exclude(name="chaos.flood")
