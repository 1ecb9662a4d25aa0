"""The rows of the ledger."""

import uuid

from django.db import models
from django.db.models import Func, Q, Value
from django.db.models.functions import Now

from celery_ledger.states import FINISHED, LIVE, UNFINISHED, WAITING, JobState


class Job(models.Model):
    """One enqueued run of a task. Its id is the Celery task id, in log, message, Flower and mail header."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    # The order of asking. The sequence stands in the first migration; created_at is the transaction's time,
    # so it can't tell two jobs of one transaction apart.
    seq = models.BigIntegerField(
        editable=False, db_default=Func(Value("celery_ledger_job_seq"), function="nextval")
    )
    name = models.CharField(max_length=200)
    queue = models.CharField(max_length=64)
    state = models.CharField(max_length=16, choices=JobState, default=JobState.QUEUED)
    args = models.JSONField(default=list)
    kwargs = models.JSONField(default=dict)
    canvas = models.JSONField(
        default=dict, help_text="callbacks, errbacks, chain and chord of the Celery message."
    )
    headers = models.JSONField(
        default=dict, help_text="The Celery message's headers, as the caller wrote them."
    )

    run_at = models.DateTimeField(db_default=Now())
    attempts = models.PositiveIntegerField(default=0)
    max_attempts = models.PositiveIntegerField()
    attempts_before = models.PositiveIntegerField(
        default=0, help_text="Attempts before the last retry by hand: delays begin again after them."
    )
    publications = models.PositiveIntegerField(default=0)
    priority = models.SmallIntegerField(
        db_default=0, help_text="Within its queue the job with the lower number is published first."
    )

    created_at = models.DateTimeField(db_default=Now())
    published_at = models.DateTimeField(null=True, blank=True)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    cancel_requested_at = models.DateTimeField(null=True, blank=True)
    expires_at = models.DateTimeField(
        null=True, blank=True, help_text="A job that has not begun by then is cancelled."
    )

    claim_token = models.UUIDField(null=True, blank=True, help_text="The fence: only its holder may settle.")
    lease_until = models.DateTimeField(null=True, blank=True)
    worker = models.CharField(
        max_length=200, blank=True, help_text="Node name and process of the last claim."
    )

    order_key = models.CharField(max_length=200, null=True, blank=True)  # noqa: DJ001 - no key is not the empty key
    unique_key = models.CharField(max_length=200, null=True, blank=True)  # noqa: DJ001 - as above
    share_key = models.CharField(max_length=200, null=True, blank=True)  # noqa: DJ001 - as above
    root_id = models.UUIDField(help_text="The first job of the canvas or family that this one belongs to.")
    parent_id = models.UUIDField(null=True, blank=True)
    group_id = models.UUIDField(null=True, blank=True)
    group_index = models.PositiveIntegerField(null=True, blank=True)
    request_id = models.CharField(max_length=64, blank=True)

    error = models.TextField(blank=True, help_text="The last error in one line; all of them are in JobError.")
    result = models.JSONField(null=True, blank=True)

    class Meta:
        db_table = "celery_ledger_job"
        ordering = ("-created_at", "-id")
        permissions = (("operate_job", "Can retry and cancel jobs"),)  # Django makes view_job by itself
        constraints = [
            models.CheckConstraint(condition=Q(state__in=JobState.values), name="ledger_job_state_known"),
            models.CheckConstraint(
                # Exactly the running jobs are held by someone.
                condition=Q(state=JobState.RUNNING, claim_token__isnull=False, lease_until__isnull=False)
                | (~Q(state=JobState.RUNNING) & Q(claim_token__isnull=True, lease_until__isnull=True)),
                name="ledger_job_running_is_claimed",
            ),
            models.CheckConstraint(
                condition=Q(state__in=FINISHED, finished_at__isnull=False)
                | (~Q(state__in=FINISHED) & Q(finished_at__isnull=True)),
                name="ledger_job_finished_has_time",
            ),
            models.UniqueConstraint(
                fields=["unique_key"], condition=Q(unique_key__isnull=False), name="ledger_job_unique_key"
            ),
            # Two relays may each publish a job of one key: each sees the other's as not published yet.
            models.UniqueConstraint(
                fields=["order_key"],
                condition=Q(order_key__isnull=False, state=JobState.RUNNING),
                name="ledger_job_one_running_per_key",
            ),
        ]
        indexes = [
            models.Index(  # due_jobs.take_due, due_jobs.next_due_seconds
                fields=["queue", "priority", "run_at"],
                condition=Q(published_at__isnull=True, state__in=WAITING, share_key__isnull=True),
                name="ledger_job_due",
            ),
            models.Index(  # shares.take_shared: the next key, and its oldest due job; due_jobs.take_stranded
                fields=["queue", "share_key", "priority", "run_at"],
                condition=Q(published_at__isnull=True, state__in=WAITING, share_key__isnull=False),
                name="ledger_job_share",
            ),
            models.Index(  # shares.take_shared: what a key holds
                fields=["queue", "share_key", "state"],
                condition=Q(
                    published_at__isnull=False,
                    state__in=(JobState.QUEUED, JobState.RUNNING),
                    share_key__isnull=False,
                ),
                name="ledger_job_share_held",
            ),
            models.Index(  # due_jobs.take_due (bound in flight), due_jobs.republish_unclaimed
                fields=["queue", "published_at"],
                condition=Q(published_at__isnull=False, state=JobState.QUEUED),
                name="ledger_job_unclaimed",
            ),
            models.Index(  # settlements.lock_lost
                fields=["lease_until"], condition=Q(state=JobState.RUNNING), name="ledger_job_lease"
            ),
            models.Index(  # due_jobs.take_due (oldest unfinished of a key)
                fields=["order_key", "seq"],
                condition=Q(order_key__isnull=False, state__in=UNFINISHED),
                name="ledger_job_order",
            ),
            models.Index(  # settlements.cancel_expired
                fields=["expires_at"],
                condition=Q(expires_at__isnull=False, state__in=WAITING),
                name="ledger_job_expiry",
            ),
            models.Index(fields=["root_id"], name="ledger_job_family"),
            models.Index(  # expired_rows.forget_settled, due_jobs.republish_unclaimed, metrics.Attempts
                fields=["finished_at", "state"], condition=Q(state__in=FINISHED), name="ledger_job_ended"
            ),
            models.Index(fields=["-created_at", "-id"], name="ledger_job_newest"),
            # The state comes last in both: the planner would else take them for `state = 'queued'`, since few jobs
            # are queued when statistics are taken, and the relay would read a whole backlog for each batch.
            models.Index(  # metrics.live_counts
                fields=["name", "queue", "state"], condition=Q(state__in=LIVE), name="ledger_job_live"
            ),
            # metrics.settled_counts, and listing.matching for what is rare: few rows are found off it, then sorted.
            models.Index(fields=["name", "queue", "state"], name="ledger_job_kinds"),
        ]

    def __str__(self) -> str:
        return f"{self.name} {self.id} ({self.state})"


class JobError(models.Model):
    """One failed attempt, kept as long as its job."""

    job = models.ForeignKey(Job, on_delete=models.CASCADE, related_name="failures")
    attempt = models.PositiveIntegerField()
    at = models.DateTimeField(db_default=Now())
    worker = models.CharField(max_length=200, blank=True)
    fate = models.CharField(max_length=16)
    error_class = models.CharField(max_length=200, blank=True)
    error_module = models.CharField(max_length=200, blank=True, default="", db_default="")
    error_args = models.JSONField(
        null=True, help_text="The exception's arguments, for the process that waits for the result."
    )
    message = models.TextField(blank=True)
    traceback = models.TextField(blank=True)

    class Meta:
        db_table = "celery_ledger_error"
        ordering = ("attempt", "id")
        indexes = [models.Index(fields=["at"], name="ledger_error_at")]  # metrics.Attempts

    def __str__(self) -> str:
        return f"attempt {self.attempt}: {self.fate}: {self.message}"


class Chord(models.Model):
    """A chord whose header is under way: its body waits here, not in the broker."""

    group_id = models.UUIDField(primary_key=True)
    body = models.JSONField()
    size = models.PositiveIntegerField(null=True, help_text="Number of parts.")
    returned = models.PositiveIntegerField(db_default=0, help_text="Parts that succeeded.")
    places = models.JSONField(
        null=True, help_text="Where a part's result belongs in a header that contains groups."
    )
    created_at = models.DateTimeField(db_default=Now())
    fired_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "celery_ledger_chord"
        indexes = [models.Index(fields=["created_at"], name="ledger_chord_age")]  # expired_rows.forget_chords

    def __str__(self) -> str:
        return f"chord {self.group_id} of {self.size}"


class StoredChain(models.Model):
    """The steps of a long chain, stored once: its jobs refer to them by position (`celery_ledger.asking.chains`)."""

    id = models.UUIDField(primary_key=True)
    root_id = models.UUIDField(help_text="The family of jobs that needs the steps.")
    steps = models.JSONField(help_text="As in a Celery message: the last step first.")
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "celery_ledger_chain"
        indexes = [models.Index(fields=["created_at"], name="ledger_chain_age")]  # expired_rows.forget_chains

    def __str__(self) -> str:
        return f"chain {self.pk}"


class Unreached(models.Model):
    """A job that was promised to a caller and will not be enqueued, because another job before it failed."""

    id = models.UUIDField(primary_key=True)
    failed_job_id = models.UUIDField()
    is_chord_body = models.BooleanField(default=False)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "celery_ledger_unreached"
        indexes = [
            models.Index(fields=["created_at"], name="ledger_unreached_age")
        ]  # expired_rows.forget_unreached

    def __str__(self) -> str:
        return f"job {self.pk}, not reached because of {self.failed_job_id}"


class ChordPart(models.Model):
    """The outcome of one part of a chord's header, counted once however often it is delivered."""

    chord = models.ForeignKey(Chord, on_delete=models.CASCADE, related_name="parts")
    index = models.PositiveIntegerField()
    succeeded = models.BooleanField()
    result = models.JSONField(null=True)

    class Meta:
        db_table = "celery_ledger_chordpart"
        constraints = [models.UniqueConstraint(fields=["chord", "index"], name="ledger_chordpart_once")]
        indexes = [  # chords.fail_part
            models.Index(fields=["chord"], condition=Q(succeeded=False), name="ledger_chordpart_failed")
        ]

    def __str__(self) -> str:
        return f"part {self.index} of {self.chord_id}"


class MissedTicks(models.TextChoices):
    """What becomes of the ticks of a schedule entry that fell due while no beat ran."""

    ONCE = "once", "run once for all of them"
    EACH = "each", "run once for each of them"
    SKIP = "skip", "do not run them"


class BeatEntry(models.Model):
    """What the ledger knows of an entry of django-celery-beat beside its row there. Both have the same name."""

    name = models.CharField(max_length=200, primary_key=True)
    missed = models.CharField(
        "missed ticks",
        max_length=8,
        choices=MissedTicks,
        blank=True,
        help_text="What becomes of ticks that fell due while no beat ran. Empty: once for intervals and for crontabs"
        " with several times an hour, each for others.",
    )
    refused = models.TextField(
        blank=True, editable=False, help_text="Why the entry, or its last tick, is refused."
    )
    refused_at = models.DateTimeField(null=True, blank=True, editable=False)
    shipped = models.TextField(
        blank=True,
        editable=False,
        help_text="The entry as `beat_schedule` in the code had it when it was written.",
    )
    plan = models.TextField(blank=True, editable=False, help_text="The schedule that beat saw last.")
    owed_since = models.DateTimeField(
        null=True,
        blank=True,
        editable=False,
        help_text="When the schedule was changed or the entry enabled: no tick from before that is owed.",
    )

    class Meta:
        db_table = "celery_ledger_beatentry"
        verbose_name = "schedule entry"
        verbose_name_plural = "schedule entries"

    def __str__(self) -> str:
        return self.name
