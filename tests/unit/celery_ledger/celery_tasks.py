"""Tasks as a project writes them that has never heard of the ledger: declared with Celery alone, for one test."""

from contextlib import contextmanager

from celery import current_app


@contextmanager
def declared(body, **options):
    """Declare `body` as `@app.task(**options)` does, as long as the block lasts."""
    name = options.setdefault("name", f"test.celery.{body.__name__}")
    # Not shared: each application made later in this process would declare them all again.
    task = current_app.task(shared=False, **options)(body)
    try:
        yield current_app.tasks[task.name]
    finally:
        del current_app.tasks[name]
