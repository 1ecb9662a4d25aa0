"""The web process: uvicorn serves `config.asgi:application`."""

from django.core.asgi import get_asgi_application

from config import env
from config.services import ensure

env.select_settings()
ensure(env.load())

application = get_asgi_application()
