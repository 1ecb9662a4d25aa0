"""Paths of the video API, below `api/`."""

from api.routes import route
from media_pipeline import views
from media_pipeline.files import file_views, preview
from media_pipeline.progress import events
from media_pipeline.text_tracks import text_views
from media_pipeline.uploads import tus

urlpatterns = [
    route("uploads", tus.uploads, name="uploads"),
    route("uploads/(?P<id>[0-9a-f-]{36})", tus.upload, name="upload"),
    route("videos", views.Videos.as_view(), name="videos"),
    route("videos/(?P<id>[0-9a-f-]{36})", views.OneVideo.as_view(), name="video"),
    route("videos/(?P<id>[0-9a-f-]{36})/cancel", views.CancelVideo.as_view(), name="video_cancel"),
    route("videos/(?P<id>[0-9a-f-]{36})/retry", views.RetryVideo.as_view(), name="video_retry"),
    route(
        "videos/(?P<id>[0-9a-f-]{36})/subtitles/(?P<language>[A-Za-z0-9-]{1,35})",
        text_views.TextTrack.as_view(),
        name="video_subtitles",
    ),
    route("videos/(?P<id>[0-9a-f-]{36})/events", events.events, name="video_events"),
    route("videos/(?P<id>[0-9a-f-]{36})/files/(?P<path>.+?)", file_views.file, name="video_file"),
    route("videos/(?P<id>[0-9a-f-]{36})/preview/(?P<path>.+?)", preview.preview, name="video_preview"),
]
