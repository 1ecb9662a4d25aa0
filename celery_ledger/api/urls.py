"""Paths of the staff API, below `api/`; each answers with and without a trailing slash."""

from django.urls import re_path

from celery_ledger.api import views

_ID = "(?P<id>[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})"

urlpatterns = [
    re_path(r"^jobs/?$", views.Jobs.as_view(), name="jobs"),
    re_path(r"^jobs/retry/?$", views.RetryAll.as_view(), name="jobs_retry_all"),
    re_path(rf"^jobs/{_ID}/?$", views.OneJob.as_view(), name="job"),
    re_path(rf"^jobs/{_ID}/retry/?$", views.RetryJob.as_view(), name="job_retry"),
    re_path(rf"^jobs/{_ID}/cancel/?$", views.CancelJob.as_view(), name="job_cancel"),
]
