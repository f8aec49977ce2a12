// How many calls a second the common sink takes, so that it can be seen not to be the bottleneck:
// `node load.js SINK` posts calls for a second over 50 connections and prints the rate.
"use strict";
const { Pool } = require("undici");

const CONNECTIONS = 50;
const MILLISECONDS = 1000;

async function main() {
  const pool = new Pool(process.argv[2], { connections: CONNECTIONS });
  const body = JSON.stringify({ key: "load", to: "+8619900000000", text: "暴雨红色预警，收到回复1" });
  const headers = { "content-type": "application/json" };
  const begun = performance.now();
  let done = 0;
  const post = async () => {
    for (; performance.now() - begun < MILLISECONDS; done++) {
      const got = await pool.request({ path: "/call", method: "POST", headers, body });
      await got.body.text();
    }
  };
  await Promise.all(Array.from({ length: CONNECTIONS }, post));
  console.log(Math.round(done / ((performance.now() - begun) / 1000)));
  await pool.close();
}

main();
