"""What a new process reads before the first person asks: the package, the findings, the state of the datasets."""

from __future__ import annotations

import logging
import threading

from django.db import Error, connection
from django.utils import timezone

from zhizhi.apps.actors import Actor
from zhizhi.apps.assistance.selectors.lake import found_reader
from zhizhi.apps.assistance.selectors.packages import package_in_use
from zhizhi.apps.catalogue.selectors.datasets import dataset_counts
from zhizhi.apps.configuration import configuration
from zhizhi.kernel.errors import ZhizhiError

log = logging.getLogger("zhizhi.web")


def warm() -> None:
    """Read what pages need and keep; what cannot be read is told by the page that needs it, not here."""
    system = Actor.system("warming", configuration().region)
    try:
        package_in_use()
        found_reader()
        dataset_counts(system, now=timezone.now())
    except (ZhizhiError, Error, OSError) as error:
        log.info("nothing could be read in advance: %s", error)
    finally:
        connection.close()


def warm_in_background() -> None:
    """Read in advance without holding up the first answer."""
    threading.Thread(target=warm, name="warming", daemon=True).start()
