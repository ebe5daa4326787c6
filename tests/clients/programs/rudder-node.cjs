const RudderAnalytics = require("@rudderstack/rudder-sdk-node");
const { ONCE, TWICE, RETRIED, breakQueue } = require("./events.cjs");

const analytics =
  CONFIGURATION

const track = async (numbers) => {
  for (const number of numbers) {
    analytics.track({ userId: "user-1", event: `event-${number}`, messageId: `id-${number}`, properties: { total: 24.9 } });
  }
  await analytics.flush();
};

(async () => {
  await track([...ONCE, ...TWICE]);
  await track(TWICE);
  await breakQueue();
  await track(RETRIED);
})();
