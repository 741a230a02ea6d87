// Comfy Org's own JavaScript client, unchanged, against the Studio that COMFY_BASE_URL names.

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { Comfy, IdempotencyKeyReuse, InvalidWorkflow, JobFailed, MissingAsset, NotFound, Unauthorized, WorkflowFormatUi } from "@comfyorg/sdk";

const { folder, graphs } = JSON.parse(await readFile(process.argv[2], "utf8"));
const client = new Comfy({ apiKey: process.env.COMFY_API_KEY });

/** Every event of a job; a status comes first, each output before the terminal status. */
async function follow(job, outputs) {
  const events = [];
  for await (const event of job.events()) events.push(event);
  assert.equal(events[0].kind, "statusChange");
  assert.equal(events.at(-1).kind, "statusChange");
  assert.equal(events.at(-1).status, "succeeded");
  assert.equal(events.filter((event) => event.kind === "outputReady").length, outputs);
  return events;
}

const steps = {
  async "a picture goes in by its name and comes out inverted"() {
    await client.assets.fromFile(join(folder, "source.png")).commit();
    const job = await client.submit(client.workflows.fromJson(graphs.byName));
    await follow(job, 1);
    await job.result();
    await job.getOutputs("3")[0].toFile(join(folder, "inverted.png"));
    const bytes = await job.getOutputs("3")[0].toBytes();
    assert.deepEqual([...bytes.slice(1, 4)], [0x50, 0x4e, 0x47]);
  },
  async "an asset handle in a graph is uploaded"() {
    const workflow = client.workflows.fromJson(graphs.byHandle);
    const path = join(folder, `${randomUUID()}.png`);
    await writeFile(path, await readFile(join(folder, "other.png")));
    workflow.setInput("1", "image", client.assets.fromFile(path));
    const job = await client.run(workflow);
    assert.equal(job.status, "succeeded");
  },
  async "the same graph again is delivered in full"() {
    for (let run = 0; run < 2; run += 1) {
      const job = await client.submit(client.workflows.fromJson(graphs.solid));
      await follow(job, 1);
      await job.result();
      assert.equal(job.outputs[0].name, "beach_00001_.png");
    }
  },
  async "text becomes a picture with previews"() {
    const job = await client.submit(client.workflows.fromJson(graphs.text));
    const kinds = new Set((await follow(job, 1)).map((event) => event.kind));
    assert.ok(kinds.has("progress"));
    assert.ok(kinds.has("preview"));
  },
  async "a cancel ends the job"() {
    const job = await client.submit(client.workflows.fromJson(graphs.endless));
    await job.cancel();
    await job.wait(30_000);
    assert.equal(job.status, "canceled");
    await assert.rejects(job.result(), JobFailed);
  },
  async "refusals are the client's own exceptions"() {
    const submit = (graph, options) => client.submit(client.workflows.fromJson(graph), options);
    await assert.rejects(submit(graphs.missing), MissingAsset);
    await assert.rejects(submit(graphs.unknown), InvalidWorkflow);
    await assert.rejects(submit({ nodes: [], links: [] }), WorkflowFormatUi);
    const idempotencyKey = randomUUID();
    await submit(graphs.solid, { idempotencyKey });
    await assert.rejects(submit(graphs.solid, { idempotencyKey }), IdempotencyKeyReuse);
    await assert.rejects(client.jobs.get(randomUUID()), NotFound);
    const stranger = new Comfy({ apiKey: "wrong" });
    await assert.rejects(stranger.jobs.get(randomUUID()), Unauthorized);
  },
};

for (const [name, step] of Object.entries(steps)) {
  await step();
  console.log(`passed: ${name}`);
}
