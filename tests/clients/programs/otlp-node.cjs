// Sends the signal that the argument names: logs, traces or metrics.

const { OTLPLogExporter } = require("@opentelemetry/exporter-logs-otlp-http");
const { OTLPMetricExporter } = require("@opentelemetry/exporter-metrics-otlp-http");
const { OTLPTraceExporter } = require("@opentelemetry/exporter-trace-otlp-http");
const { BatchLogRecordProcessor, LoggerProvider } = require("@opentelemetry/sdk-logs");
const { MeterProvider, PeriodicExportingMetricReader } = require("@opentelemetry/sdk-metrics");
const { BatchSpanProcessor, TracerProvider } = require("@opentelemetry/sdk-trace");
const { ONCE, TWICE, RETRIED, breakQueue } = require("./events.cjs");

const signals = {
  logs() {
    const provider = new LoggerProvider({ processors: [new BatchLogRecordProcessor({ exporter: new OTLPLogExporter() })] });
    const logger = provider.getLogger("shop");
    return [provider, (name) => logger.emit({ body: name, severityText: "WARN" })];
  },
  traces() {
    const provider = new TracerProvider({ spanProcessors: [new BatchSpanProcessor({ exporter: new OTLPTraceExporter() })] });
    const tracer = provider.getTracer("shop");
    return [provider, (name) => tracer.startSpan(name).end()];
  },
  metrics() {
    const reader = new PeriodicExportingMetricReader({ exporter: new OTLPMetricExporter() });
    const provider = new MeterProvider({ readers: [reader] });
    const meter = provider.getMeter("shop");
    return [provider, (name) => meter.createCounter(name).add(1)];
  },
};

const [provider, emit] = signals[process.argv[2]]();
const send = async (numbers) => {
  for (const number of numbers) emit(`event-${number}`);
  await provider.forceFlush();
};

(async () => {
  await send([...ONCE, ...TWICE]);
  await breakQueue();
  await send(RETRIED);
  await provider.shutdown();
})();
