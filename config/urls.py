"""Every path of the site. Each feature's paths are its own; only where they hang is said here."""

from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path, re_path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView

from api.routes import route
from config import health

urlpatterns: list[URLPattern | URLResolver] = [
    path("api/", include("accounts.urls")),
    path("api/", include("media_pipeline.urls")),
    path("api/", include("reports.urls")),
    path("api/", include("celery_ledger.api.urls")),
    re_path(r"^api/schema/?$", SpectacularAPIView.as_view(), name="schema"),
    re_path(
        r"^api/docs/?$",
        # Its only renderer needs a template, which an answer to OPTIONS does not have.
        SpectacularSwaggerSplitView.as_view(url_name="schema", http_method_names=["get", "head"]),
        name="docs",
    ),
    route("healthz", health.healthz, name="healthz"),
    route("readyz", health.readyz, name="readyz"),
    path("admin/", admin.site.urls),
    path("", include("web.urls")),
]

handler400 = "api.answers.handler400"
handler403 = "api.answers.handler403"
handler404 = "api.answers.handler404"
handler500 = "api.answers.handler500"
