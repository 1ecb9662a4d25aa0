"""The rows of what endpoints share."""

from django.db import models


class IdempotencyKey(models.Model):
    """The answer that a request with an Idempotency-Key got, kept in the transaction of its effect.

    A row exists only for what succeeded: a request still running is a lock, and one that failed left nothing.
    """

    owner = models.CharField(max_length=128)  # "user:<id>" or "address:<client address>"
    operation = models.CharField(max_length=512)  # "POST /api/videos"
    key = models.CharField(max_length=255)
    request_hash = models.CharField(max_length=64)
    status = models.PositiveSmallIntegerField()
    body = models.TextField()  # sealed; as rendered: a replay is the same bytes
    location = models.CharField(max_length=512, blank=True, default="")
    created_at = models.DateTimeField()

    class Meta:
        """One answer per key; the index finds what `forget_expired` deletes."""

        constraints = (
            models.UniqueConstraint(fields=("owner", "operation", "key"), name="api_one_answer_per_key"),
        )
        indexes = (models.Index(fields=("created_at",), name="api_key_expired"),)

    def __str__(self) -> str:
        """Name the operation, not its key."""
        return f"{self.operation} ({self.status})"
