"""Celery as it comes, to run django-celery-beat's own scheduler: `celery -A tests.integration.stockbeat.app beat`."""

from celery import Celery
from django.conf import settings

app = Celery("stock", broker=settings.BROKER_URL, set_as_current=False)
app.conf.update(timezone="UTC", task_ignore_result=True, result_expires=None)
