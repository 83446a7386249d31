"""Work of assistance that runs outside a request; each job can be done twice without harm."""

from __future__ import annotations

from django_tasks import task

from zhizhi.apps.assistance.services.policies import whatif_work_out


@task()
def work_out_whatif(whatif: int) -> str:
    """Work out one try of other figures."""
    return whatif_work_out(whatif=whatif)
