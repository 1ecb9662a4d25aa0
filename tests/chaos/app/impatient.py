"""The same settings over a broker that thinks after two seconds that a message was lost."""

from celery_ledger.transports import brokers
from tests.chaos.app import settings

globals().update({name: getattr(settings, name) for name in dir(settings) if name.isupper()})

SETTINGS_MODULE = __name__
brokers.VISIBILITY_TIMEOUT_SECONDS = 2
