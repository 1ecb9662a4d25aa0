"""The application that `config/web_server.py` serves."""

import tempfile

from django.conf import settings
from django.core.asgi import get_asgi_application

from celery_ledger.poolers import refuse_transaction_pooling
from config import env
from config.services import ensure
from media_pipeline.uploads.upload_stream import UploadStream

env.select_settings()
ensure(env.load())
django_application = get_asgi_application()

# They read settings, sessions and tokens: there are models only now.
from config.cross_origin import CrossOrigin  # noqa: E402
from config.request_guard import RequestGuard  # noqa: E402

# The inner two stand before Django, whose handler reads a whole body before any limit or view of ours is asked; the
# outer one gives their refusals, too, the headers that a page of another origin needs to read them.
application = CrossOrigin(RequestGuard(UploadStream(django_application)))
refuse_transaction_pooling()
# That body goes to a temporary file, and the system's own folder for those is memory on many machines.
settings.UPLOAD_FOLDER.mkdir(parents=True, exist_ok=True)
tempfile.tempdir = str(settings.UPLOAD_FOLDER)
