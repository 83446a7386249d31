"""The WSGI application that the server runs."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "zhizhi.web.settings")
application = get_wsgi_application()

if os.environ.get("ZHIZHI_SERVING"):  # set by the server's process: others that load the application read nothing in advance
    from zhizhi.web.warming import warm_in_background

    warm_in_background()
