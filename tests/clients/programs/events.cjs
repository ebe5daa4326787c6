// The numbers of the ten events that each program sends, and the switch for SQS, as in events.py.

exports.ONCE = [0, 1, 2, 3, 4];
exports.TWICE = [5, 6];
exports.RETRIED = [7, 8, 9];

exports.breakQueue = async () => {
  const body = '{"faults":{"sqs.lost_answer":"1"}}';
  const answer = await fetch(process.env.FAULTS, { method: "PUT", body });
  if (!answer.ok) throw new Error(await answer.text());
};
