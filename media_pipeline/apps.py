"""The video app: upload, pipeline, progress, delivery."""

from django.apps import AppConfig


class MediaPipelineConfig(AppConfig):
    """Django's entry for the video app."""

    name = "media_pipeline"
    default_auto_field = "django.db.models.BigAutoField"
    verbose_name = "Videos"
