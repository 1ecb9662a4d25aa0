"""Jobs as the staff API and `manage.py jobs --json` show them."""

from rest_framework import serializers

from celery_ledger.models import Job, JobError
from celery_ledger.states import JobState

RETRYABLE = (JobState.DEAD, JobState.CANCELLED)


class JobErrorSerializer(serializers.ModelSerializer[JobError]):
    """One failed attempt."""

    class Meta:
        model = JobError
        fields = ("attempt", "at", "worker", "fate", "error_class", "message")
        read_only_fields = fields


class JobErrorWithTracebackSerializer(JobErrorSerializer):
    """One failed attempt with its traceback."""

    class Meta(JobErrorSerializer.Meta):
        fields = (*JobErrorSerializer.Meta.fields, "traceback")  # type: ignore[assignment]  # one field more
        read_only_fields = fields  # type: ignore[assignment]  # as above


class JobSerializer(serializers.ModelSerializer[Job]):
    """A job in a list."""

    # The contract's word; the class's own `errors` property is not touched, declared fields are taken out of it.
    errors = JobErrorSerializer(source="failures", many=True, read_only=True)  # type: ignore[assignment]  # as above

    class Meta:
        model = Job
        fields = (
            "id", "name", "queue", "state", "attempts", "max_attempts",
            "run_at", "created_at", "published_at", "started_at", "finished_at", "lease_until",
            "worker", "error", "errors", "args", "kwargs", "result",
            "order_key", "root_id", "parent_id", "request_id",
        )  # fmt: skip
        read_only_fields = fields


class JobWithTracebacksSerializer(JobSerializer):
    """One job, with the traceback of each error."""

    errors = JobErrorWithTracebackSerializer(source="failures", many=True, read_only=True)


class WantedSerializer(serializers.Serializer[None]):
    """The filters of the list; `state` may be given several times."""

    state = serializers.ListField(child=serializers.ChoiceField(choices=JobState.choices), required=False)
    name = serializers.CharField(required=False, allow_blank=True)
    queue = serializers.CharField(required=False, allow_blank=True)


class TaskName(serializers.CharField):
    """The name of a task; a number is none, though REST framework would write it out."""

    def to_internal_value(self, data: object) -> str:
        """Return the name."""
        if not isinstance(data, str):
            self.fail("invalid")
        return super().to_internal_value(data)


class RetryAllSerializer(serializers.Serializer[None]):
    """Which jobs to retry: dead or cancelled ones, of one task or of all."""

    state = serializers.ChoiceField(choices=[(state.value, state.label) for state in RETRYABLE])
    name = TaskName(required=False, allow_blank=True, default="")


class RetriedSerializer(serializers.Serializer[None]):
    """How many jobs were queued again."""

    retried = serializers.IntegerField()
