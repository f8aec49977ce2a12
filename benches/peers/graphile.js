// The job on graphile-worker: jobs and records in one PostgreSQL.
"use strict";
const { run, makeWorkerUtils } = require("graphile-worker");
const { Pool } = require("pg");
const { setting, isWorker, call, open, now } = require("./door.js");

const preset = { worker: { connectionString: process.env.PEER_POSTGRES, ...setting.worker } };

async function warning({ village, warning }, { query, addJobs }) {
  const { rows } = await query("select id from person where village = $1", [village]);
  await addJobs(rows.map(({ id }) => ({ identifier: "call", payload: { key: `${warning}-${id}`, person: id } })));
}

async function callPerson({ key, person }, { query }) {
  const { rows } = await query(
    `with kept as (insert into call (key, person) values ($1, $2) on conflict do nothing)
     select name, number from person where id = $2`, [key, person]);
  const outcome = await call(key, rows[0].number, `${rows[0].name}：暴雨红色预警，收到回复1`);
  // Outcome and escalation in one transaction, which only this peer can do.
  await query(
    `with kept as (update call set outcome = $2, escalation = $3 where key = $1)
     select graphile_worker.add_job('escalate', json_build_object('key', $1::text),
       run_at => now() + interval '10 minutes', job_key => $3)`, [key, outcome, `escalate-${key}`]);
}

async function escalate({ key }, { query }) {
  await query("update call set outcome = 'escalated' where key = $1 and answered_at is null", [key]);
}

async function work() {
  await run({ preset, taskList: { warning, call: callPerson, escalate } });
  process.send("ready");
}

async function serve() {
  const utils = await makeWorkerUtils({ preset });
  await utils.migrate();
  const db = new Pool({ connectionString: process.env.PEER_POSTGRES, max: 10 });
  await open(__filename, {
    publish: async ({ village, warning }) => {
      const begun = now();
      await utils.addJob("warning", { village, warning });
      return begun;
    },
    answer: async ({ key }) => {
      await db.query(
        `with kept as (update call set answered_at = now() where key = $1 returning escalation)
         select graphile_worker.remove_job(escalation) from kept`, [key]);
    },
    state: async () => (await db.query(
      `select count(outcome)::int recorded, count(answered_at)::int answered,
         (select count(*)::int from graphile_worker.jobs where task_identifier = 'escalate') armed from call`)).rows[0],
  });
}

if (isWorker) work(); else serve();
