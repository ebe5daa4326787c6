// Sends events in the mode that the argument names. The library makes no batches.

const { CloudEvent, HTTP, httpTransport } = require("cloudevents");
const { ONCE, TWICE, RETRIED } = require("./events.cjs");

CONFIGURATION

const event = (number) =>
  new CloudEvent({ id: `event-${number}`, source: "/shop", type: "shop.order", data: { total: 24.9 } });
const batch = (events) => ({
  headers: { "content-type": "application/cloudevents-batch+json" },
  body: JSON.stringify(events),
});
const messages = {
  structured: (events) => events.map(HTTP.structured),
  binary: (events) => events.map(HTTP.binary),
  batched: (events) => [batch(events)],
}[process.argv[2]];

(async () => {
  for (const numbers of [[...ONCE, ...TWICE], TWICE, RETRIED]) {
    for (const message of messages(numbers.map(event))) await send(message, options);
  }
})();
