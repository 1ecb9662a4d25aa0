"""A Django project with nothing but django-celery-beat, in a schema of its own of the test database."""

from config import settings as real

SCHEMA = "stock"

SECRET_KEY = "signs nothing"
USE_TZ, TIME_ZONE = True, "UTC"
INSTALLED_APPS = ["django_celery_beat"]
DATABASES = {"default": {**real.DATABASES["default"], "OPTIONS": {"options": f"-c search_path={SCHEMA}"}}}
BROKER_URL = real.BROKER_URL
