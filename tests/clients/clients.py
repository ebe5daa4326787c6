"""The programs, and what is expected of each."""

from dataclasses import dataclass, field


@dataclass
class Client:
    program: str
    package: str
    block: str = ""
    """The name of its block in docs/clients.md; empty for the name of the program."""
    arguments: list = field(default_factory=list)
    variables: dict = field(default_factory=dict)
    twice: bool = True
    """Whether the caller can choose ids, so that an event that is sent again has the same id."""
    retries: bool = True
    """Whether the library, or the page, sends a batch again after a 503."""
    dated: bool = True
    """Whether each record has the time of its event."""

    def __post_init__(self):
        stem = self.program.rsplit(".", 1)[0]
        self.block = self.block or stem
        self.name = "-".join([stem, *self.arguments])


IN_BROWSER = ("fetch", "sendBeacon, text", "sendBeacon, JSON")
SIGNALS = ("logs", "traces", "metrics")
# Only with deltas does an export contain each counter once.
DELTAS = {"OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE": "delta"}
GZIP = {"OTEL_EXPORTER_OTLP_COMPRESSION": "gzip"}


def otlp(program, package, signal, variables):
    return Client(program, package, "otlp", [signal], DELTAS | variables, twice=False)


def cloudevents(program, package, mode):
    return Client(program, package, arguments=[mode], retries=False)


CLIENTS = [
    Client("segment-python.py", "segment-analytics-python"),
    Client("segment-node.cjs", "@segment/analytics-node"),
    Client("segment-browser.html", "@segment/analytics-next"),
    Client("rudder-python.py", "rudder-sdk-python"),
    Client("rudder-node.cjs", "@rudderstack/rudder-sdk-node"),
    Client("posthog-python.py", "posthog"),
    Client("amplitude-python.py", "amplitude-analytics"),
    Client("mixpanel-python.py", "mixpanel"),
    Client("snowplow-python.py", "snowplow-tracker", twice=False),
    *(otlp("otlp-python.py", "opentelemetry-exporter-otlp-proto-http", signal, {}) for signal in SIGNALS),
    *(otlp("otlp-python.py", "opentelemetry-exporter-otlp-proto-http", signal, GZIP) for signal in SIGNALS),
    otlp("otlp-node.cjs", "@opentelemetry/exporter-logs-otlp-http", "logs", {}),
    otlp("otlp-node.cjs", "@opentelemetry/exporter-trace-otlp-http", "traces", {}),
    otlp("otlp-node.cjs", "@opentelemetry/exporter-metrics-otlp-http", "metrics", {}),
    *(cloudevents("cloudevents-python.py", "cloudevents", mode) for mode in ("structured", "binary", "batched")),
    *(cloudevents("cloudevents-node.cjs", "cloudevents", mode) for mode in ("structured", "binary", "batched")),
    Client("splunk-handler.py", "splunk-handler", twice=False),
    Client("browser-fetch.html", "fetch", dated=False),
    Client("browser-beacon.html", "sendBeacon, text", twice=False, retries=False, dated=False),
    Client("browser-beacon-json.html", "sendBeacon, JSON", twice=False, retries=False, dated=False),
]
