"""Fields of requests and responses."""

from rest_framework import serializers

from accounts.account_deletion.models import Deletion, DeletionStep


class DeletionStepOut(serializers.ModelSerializer[DeletionStep]):
    """One step of a deletion."""

    class Meta:
        model = DeletionStep
        fields = ("name", "state", "deleted")


class DeletionOut(serializers.ModelSerializer[Deletion]):
    """How far a deletion is."""

    steps = DeletionStepOut(many=True, read_only=True)

    class Meta:
        model = Deletion
        fields = ("id", "state", "steps")
