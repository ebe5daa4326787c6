// The numbers of the ten events that each page sends, and calls of the page's server, as in events.py.

export const ONCE = [0, 1, 2, 3, 4];
export const TWICE = [5, 6];
export const RETRIED = [7, 8, 9];

const call = async (path, body = "") => (await fetch(path, { method: "POST", body })).text();

export const breakQueue = () => call("/break");

// Waits until Spillway has answered this number of requests with 200.
export const answered = async (count) => {
  while (Number(await call("/answered")) < count) await new Promise((resume) => setTimeout(resume, 100));
};

// Runs the page's events, and reports an error, or none, to the server.
export const finish = async (run) => {
  const error = await run().then(() => "", (error) => String(error.stack ?? error));
  await call("/finish", error);
};
