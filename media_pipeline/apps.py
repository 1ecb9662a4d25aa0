"""The video app: upload, pipeline, progress, delivery."""

from django.apps import AppConfig
from django.conf import settings

from media_pipeline.engine.process import ceilings


class MediaPipelineConfig(AppConfig):
    """Django's entry for the video app."""

    name = "media_pipeline"
    default_auto_field = "django.db.models.BigAutoField"
    verbose_name = "Videos"

    def ready(self) -> None:
        """Hand the engine, which knows no settings, the ceilings of its programs."""
        ceilings.memory_bytes = settings.VIDEO_PROGRAM_MEMORY_BYTES
        ceilings.file_bytes = settings.VIDEO_PROGRAM_FILE_BYTES
        ceilings.text_bytes = settings.VIDEO_TEXT_MAX_BYTES
