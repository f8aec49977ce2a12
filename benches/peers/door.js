// What the two systems on Node have in common: a main process with the HTTP door, and workers of its own
// kind beside it.
//
//   POST /publish {"village"}   the warning; answers when it was published: {"t0_ns"}
//   POST /answer  {"key"}       a person's answer; 200 once it is recorded and the escalation cancelled
//   GET  /state                 {"recorded", "answered", "armed"} of all calls so far
"use strict";
const http = require("node:http");
const { fork } = require("node:child_process");
const { Pool } = require("undici");

const setting = JSON.parse(process.env.PEER_SETTING);
const isWorker = process.argv[2] === "worker";

// The call to the carrier, over connections that are kept.
const carrier = isWorker && new Pool(process.env.PEER_SINK, { connections: setting.concurrency });
async function call(key, to, text) {
  const body = JSON.stringify({ key, to, text });
  const headers = { "content-type": "application/json" };
  const got = await carrier.request({ path: "/call", method: "POST", headers, body });
  const { results } = await got.body.json();
  return results[0].status;
}

// Starts the workers of the setting, then the door.
async function open(file, handlers) {
  await Promise.all(Array.from({ length: setting.processes }, () => new Promise((ready) => {
    const worker = fork(file, ["worker"], { stdio: ["ignore", 2, 2, "ipc"] });
    worker.once("message", ready).once("exit", () => process.exit(1));
  })));
  const server = http.createServer((request, response) => {
    const chunks = [];
    request.on("data", (chunk) => chunks.push(chunk));
    request.on("end", async () => {
      const body = chunks.length ? JSON.parse(Buffer.concat(chunks)) : {};
      const result = await handlers[request.url.slice(1)](body).then(
        (answer) => [200, answer ?? {}], (fault) => [500, { fault: String(fault) }]);
      response.writeHead(result[0], { "content-type": "application/json" });
      response.end(JSON.stringify(result[1]));
    });
  });
  server.listen(0, "127.0.0.1", () => console.log(`ready http://127.0.0.1:${server.address().port}`));
}

const now = () => ({ t0_ns: String(process.hrtime.bigint()) });

module.exports = { setting, isWorker, call, open, now };
