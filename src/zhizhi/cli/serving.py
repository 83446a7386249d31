"""The process of the server: ``python -m zhizhi.cli.serving``. Started by ``zhizhi serve``.

It imports the server alone; the application is loaded in the processes that answer. With ``--work`` it keeps one worker for the
jobs beside them, starts it again if it dies, and stops it together with the rest.
"""

from __future__ import annotations

import argparse
import logging
import os
import subprocess
import sys
import threading
import time

from granian.constants import Interfaces
from granian.log import LogLevels
from granian.server import Server

log = logging.getLogger("granian")
PATIENCE = 20
"""Seconds that a job in hand has to end when the server stops; then it goes back to the queue."""


class JobWorker:
    """The worker beside the server."""

    def __init__(self) -> None:
        self.stopping = threading.Event()
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, and again whenever it dies."""
        threading.Thread(target=self._keep, name="job-worker", daemon=True).start()

    def stop(self) -> None:
        """Tell it to stop, tell it again after ``PATIENCE``, and end it at last."""
        self.stopping.set()
        process = self.process
        if process is None:
            return
        for wait in (PATIENCE, 5):
            process.terminate()
            try:
                process.wait(wait)
                return
            except subprocess.TimeoutExpired:
                continue
        process.kill()

    def _keep(self) -> None:
        while not self.stopping.is_set():
            started = time.monotonic()
            command = [sys.executable, "-m", "zhizhi.cli.working", "--parent", str(os.getpid())]
            self.process = subprocess.Popen(command)
            self.process.wait()
            if not self.stopping.is_set():
                log.error("the worker of the jobs ended (status %s) and is started again", self.process.returncode)
                self.stopping.wait(1 if time.monotonic() - started > 30 else 5)


def main() -> None:
    """Serve until told to stop."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--threads", type=int, default=4)
    parser.add_argument("--work", action="store_true")
    given = parser.parse_args()
    os.environ["ZHIZHI_SERVING"] = "1"
    server = Server(
        "zhizhi.web.wsgi:application",
        address=given.host,
        port=given.port,
        interface=Interfaces.WSGI,
        workers=given.workers,
        blocking_threads=given.threads,
        runtime_blocking_threads=8,  # they only carry bodies; the default of 512 is for file servers
        websockets=False,
        respawn_failed_workers=True,
        workers_kill_timeout=PATIENCE,
        log_level=LogLevels.warning,
    )
    if given.work:
        jobs = JobWorker()
        server.on_startup(jobs.start)
        server.on_shutdown(jobs.stop)
    server.serve()


if __name__ == "__main__":
    main()
