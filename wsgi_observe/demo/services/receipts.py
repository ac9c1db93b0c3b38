"""The third service: a Celery worker that sends the receipts of orders."""

import logging
import os
from typing import Any

from celery import Celery, Task, signals

import wsgi_observe.celery
from wsgi_observe import bind
from wsgi_observe.demo.log_file import keep_log_lines
from wsgi_observe.demo.services.broker import broker_settings

logger = logging.getLogger(__name__)


class MailError(Exception):
    """The mail server has not taken a mail."""


celery = Celery("receipts")
wsgi_observe.celery.instrument()


@celery.task(
    name="send_receipt",
    bind=True,
    autoretry_for=(MailError,),
    max_retries=2,
    default_retry_delay=0.5,  # seconds
)
def send_receipt(self: Task, order_id: int, email: str) -> None:
    """Send the receipt of an order, in up to three attempts."""
    bind(order_id=order_id)
    _send_mail(email, attempt=self.request.retries + 1)
    logger.info("receipt sent")


def _send_mail(email: str, attempt: int) -> None:
    """Do as a mail server would that is busy, or does not know a mailbox: no mail is sent."""
    if email.startswith("busy") and attempt == 1:
        raise MailError("450 mailbox busy")
    if email.startswith("gone"):
        raise MailError("550 no such mailbox")


celery.conf.update(
    **broker_settings(os.environ["CELERY_BROKER_URL"]),
    broker_connection_retry_on_startup=True,
    task_default_queue="wsgi-observe-demo",  # on a broker that has jobs of others, too
    task_ignore_result=True,
    worker_enable_remote_control=False,
)


@signals.celeryd_init.connect
def _keep_log_lines(**_: Any) -> None:
    keep_log_lines()
