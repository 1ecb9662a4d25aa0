"""Every path of the site. Each feature's paths are its own; only where they hang is said here."""

from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path, re_path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView

from config import health
from config.env import ROOT

FEATURES = ("accounts.urls", "media_pipeline.urls", "reports.urls", "jobs.api.urls")
api = [name for name in FEATURES if (ROOT / f"{name.replace('.', '/')}.py").exists()]

urlpatterns: list[URLPattern | URLResolver] = [
    *(path("api/", include(name)) for name in api),
    re_path(r"^api/schema/?$", SpectacularAPIView.as_view(), name="schema"),
    re_path(r"^api/docs/?$", SpectacularSwaggerSplitView.as_view(url_name="schema"), name="docs"),
    re_path(r"^healthz/?$", health.healthz, name="healthz"),
    re_path(r"^readyz/?$", health.readyz, name="readyz"),
    path("admin/", admin.site.urls),
    *(path("", include(name)) for name in ("web.urls",) if (ROOT / f"{name.replace('.', '/')}.py").exists()),
]

handler400 = "api.answers.handler400"
handler403 = "api.answers.handler403"
handler404 = "api.answers.handler404"
handler500 = "api.answers.handler500"
