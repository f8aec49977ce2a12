// The job on BullMQ: jobs and records in one Redis.
"use strict";
const { Queue, Worker } = require("bullmq");
const Redis = require("ioredis");
const { setting, isWorker, call, open, now } = require("./door.js");

const prefix = process.env.PEER_RUN;
const redis = () => new Redis(process.env.PEER_REDIS, { maxRetriesPerRequest: null });
const queue = (name) => new Queue(name, {
  connection: redis(), prefix, defaultJobOptions: { removeOnComplete: true },
});
const record = (key) => `${prefix}:call:${key}`;
const DELAY_MS = 600_000;

async function work() {
  const store = redis();
  const [calls, escalations] = [queue("calls"), queue("escalations")];
  const handlers = {
    warnings: async ({ data: { village, warning } }) => {
      const persons = await store.smembers(`${prefix}:village:${village}`);
      await calls.addBulk(persons.map((person) => ({ name: "call", data: { key: `${warning}-${person}`, person } })));
    },
    calls: async ({ data: { key, person } }) => {
      const [[, { name, number }]] = await store.multi()
        .hgetall(`${prefix}:person:${person}`).hset(record(key), { person, released_at: Date.now() }).exec();
      const outcome = await call(key, number, `${name}：暴雨红色预警，收到回复1`);
      await Promise.all([
        store.hset(record(key), { outcome }),
        escalations.add("escalate", { key }, { delay: DELAY_MS, jobId: key }),
      ]);
    },
    escalations: async ({ data: { key } }) => { await store.hset(record(key), { outcome: "escalated" }); },
  };
  const workers = Object.entries(handlers).map(([name, handler]) => new Worker(name, handler, {
    connection: redis(), prefix, concurrency: setting.concurrency,
  }));
  await Promise.all(workers.map((worker) => worker.waitUntilReady()));
  process.send("ready");
}

async function seed(store) {
  await store.config("SET", "appendfsync", setting.appendfsync);
  const all = store.pipeline();
  for (const [village, persons] of Object.entries(JSON.parse(process.env.PEER_PERSONS))) {
    for (const [id, name, number] of persons) {
      all.hset(`${prefix}:person:${id}`, { name, number }).sadd(`${prefix}:village:${village}`, id);
    }
  }
  await all.exec();
}

async function state(store, escalations) {
  const keys = await store.keys(record("*"));
  const rows = await Promise.all(keys.map((key) => store.hmget(key, "outcome", "answered_at")));
  return {
    recorded: rows.filter(([outcome]) => outcome).length,
    answered: rows.filter(([, at]) => at).length,
    armed: await escalations.getDelayedCount(),
  };
}

async function serve() {
  const store = redis();
  await seed(store);
  const [warnings, escalations] = [queue("warnings"), queue("escalations")];
  await open(__filename, {
    publish: async (data) => {
      const begun = now();
      await warnings.add("warning", data);
      return begun;
    },
    answer: async ({ key }) => {
      await Promise.all([store.hset(record(key), { answered_at: Date.now() }), escalations.remove(key)]);
    },
    state: () => state(store, escalations),
  });
}

if (isWorker) work(); else serve();
