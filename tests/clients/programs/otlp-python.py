"""Sends the signal that the argument names: logs, traces or metrics."""

import sys

from opentelemetry._logs import SeverityNumber
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from events import ONCE, RETRIED, TWICE, break_queue


def logs():
    provider = LoggerProvider()
    provider.add_log_record_processor(BatchLogRecordProcessor(OTLPLogExporter()))
    logger = provider.get_logger("shop")
    return provider, lambda name: logger.emit(body=name, severity_number=SeverityNumber.WARN)


def traces():
    provider = TracerProvider()
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    tracer = provider.get_tracer("shop")
    return provider, lambda name: tracer.start_span(name).end()


def metrics():
    provider = MeterProvider([PeriodicExportingMetricReader(OTLPMetricExporter())])
    meter = provider.get_meter("shop")
    return provider, lambda name: meter.create_counter(name).add(1)


provider, emit = {"logs": logs, "traces": traces, "metrics": metrics}[sys.argv[1]]()


def send(numbers):
    for number in numbers:
        emit(f"event-{number}")
    provider.force_flush()


send([*ONCE, *TWICE])
break_queue()
send(RETRIED)
provider.shutdown()
