// The common sink: the carrier that all of them call, over HTTP/1.1 with keep-alive. It notes when each
// call came (monotonic, head of the request read), and answers for half of the persons when told to.
//
//   POST /             a batch in the shape of docs/GATEWAY-HTTP.md: {"attempts": [{"key", "to", …}]}
//   POST /call         one call of a peer: {"key", "to", "text"}
//   POST /reset        forgets what came
//   GET  /wait/N       answers once N calls came: {"count", "requests", "first_ns", "last_ns"}
//   POST /answer       {"url", "secret"?, "of"}: answers for every second call, one request per person,
//                      32 at a time; with a secret as a signed callback of ours
"use strict";
const net = require("node:net");
const { createHmac } = require("node:crypto");
const { Pool } = require("undici");

const AT_A_TIME = 32;
let calls = [];
let requests = 0;
let waiting = [];

function arrive(at, attempts) {
  requests += 1;
  for (const { key, to } of attempts) calls.push({ key, to, at });
  waiting = waiting.filter(({ count, answer }) => calls.length < count || (answer(summary()), false));
}

const summary = () => ({
  count: new Set(calls.map((call) => call.key)).size,
  requests,
  first_ns: String(calls[0]?.at),
  last_ns: String(calls.at(-1)?.at),
});

function signed(secret, body) {
  const timestamp = String(Math.floor(Date.now() / 1000));
  const mac = createHmac("sha256", secret).update(`${timestamp}.${body}`).digest("hex");
  return { "x-jiaoying-timestamp": timestamp, "x-jiaoying-signature": `v1=${mac}` };
}

async function answerHalf({ url, secret }) {
  const { origin, pathname } = new URL(url);
  const pool = new Pool(origin, { connections: AT_A_TIME });
  const todo = calls.filter((_, i) => i % 2 === 0);
  const answered = todo.length;
  const begun = process.hrtime.bigint();
  const person = async () => {
    for (let call = todo.pop(); call; call = todo.pop()) {
      const event = secret ? [{ type: "reply", key: call.key, from: call.to, text: "1" }] : { key: call.key };
      const body = JSON.stringify(event);
      const headers = { "content-type": "application/json", ...(secret && signed(secret, body)) };
      const got = await pool.request({ path: pathname, method: "POST", headers, body });
      const text = await got.body.text();
      if (got.statusCode !== 200) throw new Error(`answer: ${got.statusCode} ${text}`);
    }
  };
  await Promise.all(Array.from({ length: AT_A_TIME }, person));
  await pool.close();
  return { answered, seconds: Number(process.hrtime.bigint() - begun) / 1e9 };
}

async function control(path, body) {
  if (path.startsWith("/wait/")) {
    const count = Number(path.slice("/wait/".length));
    if (calls.length >= count) return summary();
    return new Promise((answer) => waiting.push({ count, answer }));
  }
  if (path === "/reset") { calls = []; requests = 0; return {}; }
  if (path === "/answer") return answerHalf(body);
  return {}; // /withdraw
}

async function respond(socket, path, body, at) {
  let status = "200 OK";
  let answer;
  if (path === "/" || path === "/call") {
    const attempts = body.attempts ?? [body];
    arrive(at, attempts);
    answer = { results: attempts.map(({ key }) => ({ key, status: "accepted" })) };
  } else {
    answer = await control(path, body).catch((fault) => { status = "500 Fault"; return { fault: fault.message }; });
  }
  const text = JSON.stringify(answer);
  const length = Buffer.byteLength(text);
  socket.write(`HTTP/1.1 ${status}\r\ncontent-type: application/json\r\ncontent-length: ${length}\r\n\r\n${text}`);
}

// As much of HTTP/1.1 as the callers use (a body's length stands in its head), cheaper than Node's own
// server: what the sink spends is taken from whom it measures.
const server = net.createServer((socket) => {
  let pending = Buffer.alloc(0);
  let at;
  socket.setNoDelay(true);
  socket.on("error", () => {}); // a caller that was ended
  socket.on("data", (chunk) => {
    pending = pending.length ? Buffer.concat([pending, chunk]) : chunk;
    for (;;) {
      const end = pending.indexOf("\r\n\r\n");
      if (end < 0) return;
      at ??= process.hrtime.bigint();
      const head = pending.toString("latin1", 0, end);
      const next = end + 4 + Number(/\r\ncontent-length: *(\d+)/i.exec(head)?.[1] ?? 0);
      if (pending.length < next) return;
      const body = next > end + 4 ? JSON.parse(pending.toString("utf8", end + 4, next)) : {};
      respond(socket, head.split(" ", 2)[1], body, at);
      pending = pending.subarray(next);
      at = undefined;
    }
  });
});
server.listen(0, "127.0.0.1", () => console.log(`ready http://127.0.0.1:${server.address().port}`));
