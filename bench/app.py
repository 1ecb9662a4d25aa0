"""Our Celery application with the benchmark's own task: `celery -A bench.app worker`."""

from config.celery import app

app.conf.update(imports=["bench.tasks"])
