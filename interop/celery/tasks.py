# SPDX-License-Identifier: Apache-2.0
"""The application: workers import this module, and so does the test, with the same names.

INTEROP_RUN makes the names unique; INTEROP_NOTES is a named pipe to which workers write what a test
wants to wait for and cannot see through the broker.  INTEROP_QUEUE_ARGUMENTS is "no" for a broker
that does not support x-expires and x-message-ttl, which Celery gives to its reply, control and event
queues unless it is told not to.
"""

import os
import ssl
import signal
import time

import celery
import kombu
from celery.signals import worker_ready

RUN = os.environ["INTEROP_RUN"]

TLS = None
if os.environ["AMQP_URL"].startswith("amqps:"):
    TLS = {"ca_certs": os.environ["AMQP_CA"], "cert_reqs": ssl.CERT_REQUIRED}

app = celery.Celery(
    "interop",
    broker=os.environ["AMQP_URL"],
    backend="rpc://",
    broker_use_ssl=TLS,
    broker_connection_retry=False,
    broker_transport_options={"confirm_publish": True},
    task_acks_late=True,
    task_default_queue=f"{RUN}.default",
    task_routes={
        "tasks.where": {"queue": f"{RUN}.routed"},
        "tasks.stuck_once": {"queue": f"{RUN}.doomed"},
        "tasks.when": {"queue": f"{RUN}.urgent"},
    },
    task_queues=[
        kombu.Queue(
            f"{RUN}.{name}", kombu.Exchange(f"{RUN}.{kind}", kind), routing_key=key, durable=True
        )
        for name, kind, key in [
            ("default", "direct", f"{RUN}.default"),
            ("routed", "direct", f"{RUN}.routed"),
            ("doomed", "direct", f"{RUN}.doomed"),
            ("orange", "topic", "*.orange.*"),
            ("lazy", "topic", "lazy.#"),
        ]
    ]
    + [
        kombu.Queue(
            f"{RUN}.urgent",
            kombu.Exchange(f"{RUN}.direct", "direct"),
            routing_key=f"{RUN}.urgent",
            max_priority=10,
        )
    ],
    worker_prefetch_multiplier=1,
    worker_send_task_events=True,
    task_send_sent_event=True,
)


if os.environ["INTEROP_QUEUE_ARGUMENTS"] == "no":
    app.conf.update(
        result_expires=None,
        control_queue_expires=None,
        control_queue_ttl=None,
        event_queue_expires=None,
        event_queue_ttl=None,
    )


def note(text):
    """Tells the test."""
    with open(os.environ["INTEROP_NOTES"], "w", encoding="utf-8") as notes:
        notes.write(text + "\n")


@worker_ready.connect
def tell_ready(sender, **_):
    note(f"ready {sender.hostname}")


@app.task
def add(left, right):
    return left + right


@app.task(throws=(ValueError,))
def fail(text):
    raise ValueError(text)


@app.task(bind=True)
def where(self):
    """The worker's name and the queue's routing key."""
    return self.request.hostname, self.request.delivery_info["routing_key"]


@app.task
def when():
    """The time at which it is done."""
    return time.monotonic()


@app.task(bind=True, max_retries=3)
def flaky(self, failures):
    """Fails that many times and then tells how often it was retried."""
    if self.request.retries < failures:
        raise self.retry(countdown=0)
    return self.request.retries


@app.task(bind=True)
def stuck_once(self):
    """Hangs when it is delivered the first time."""
    if not self.request.delivery_info["redelivered"]:
        note("stuck")
        signal.pause()
    return "redelivered"
