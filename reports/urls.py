"""Paths of the reports API, below `api/`."""

from api.routes import route
from reports import views

REPORT = "reports/(?P<id>[0-9a-f-]{36})"

urlpatterns = [
    route("reports", views.Reports.as_view(), name="reports"),
    route(REPORT, views.OneReport.as_view(), name="report"),
    route(
        r"reports/(?P<id>[0-9a-f-]{36})/file\.(?P<form>html|csv|pdf)",
        views.ReportFile.as_view(),
        name="report_file",
    ),
]
