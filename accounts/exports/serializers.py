"""Fields of requests and responses."""

from rest_framework import serializers
from rest_framework.reverse import reverse

from accounts.exports.models import Export, ExportState


class ExportOut(serializers.ModelSerializer[Export]):
    """How far an export is, and its archive once it is ready."""

    url = serializers.SerializerMethodField()

    class Meta:
        model = Export
        fields = ("id", "state", "created_at", "finished_at", "url")

    def get_url(self, export: Export) -> str | None:
        """Return where the archive is, None while it is being written."""
        if export.state != ExportState.READY:
            return None
        return reverse("accounts:export-archive", kwargs={"id": export.pk}, request=self.context["request"])
