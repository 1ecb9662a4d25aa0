"""Reports as the staff API shows them."""

from rest_framework import serializers

from reports.models import Report, ReportKind


class ReportSerializer(serializers.ModelSerializer[Report]):
    """A report; its files are null until it is ready."""

    html = serializers.SerializerMethodField()
    csv = serializers.SerializerMethodField()
    pdf = serializers.SerializerMethodField()

    class Meta:
        model = Report
        fields = ("id", "kind", "period_start", "period_end", "state", "created_at", "html", "csv", "pdf")
        read_only_fields = fields

    def get_html(self, report: Report) -> str | None:
        """Return the page's URL."""
        return _url(report, "html")

    def get_csv(self, report: Report) -> str | None:
        """Return the table's URL."""
        return _url(report, "csv")

    def get_pdf(self, report: Report) -> str | None:
        """Return the document's URL."""
        return _url(report, "pdf")


class WishSerializer(serializers.Serializer[None]):
    """Which report is wanted: of the period that `day` belongs to, or of the last one that is over."""

    kind = serializers.ChoiceField(choices=ReportKind.choices)
    day = serializers.DateField(required=False, allow_null=True, default=None)


def _url(report: Report, form: str) -> str | None:
    return f"/api/reports/{report.pk}/file.{form}" if getattr(report, form) else None
