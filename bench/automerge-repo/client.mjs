// `node client.mjs WORD PORT NUMBER...`: work on a server of automerge-repo; a line of JSON for each figure, the last word ends it.
//
//   documents PORT COUNT BYTES         up from one device, down to another; after a line with a port on stdin, in sync again there
//   latency PORT CHANGES RATE          from a change on A until B shows it, documents in turn: it throttles a document to 10 a second
//   burst PORT DEVICES CHANGES [one]   every device changes its own document; `one`: each change is acknowledged before the next
import * as Automerge from "@automerge/automerge";
import { createInterface } from "node:readline/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { Device, cards, spread } from "./device.mjs";

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const tell = (figures) => console.log(JSON.stringify(figures));
const numbers = process.argv.slice(3).map(Number);

async function timed(work) {
  const begun = performance.now();
  await work();
  return performance.now() - begun;
}

async function documents([port, count, bytes]) {
  const a = new Device("a");
  for (let number = 0; number < count; number++) a.handles.push(cards(a.repo, bytes));
  const saved_bytes = Automerge.save(a.handles[0].doc()).length;
  tell({ ready: true, saved_bytes });
  await lines.next();
  const everything = () => Promise.all(a.handles.map((handle) => a.acknowledged(handle)));
  tell({ up_ms: await timed(() => (a.connect(port), everything())) });

  await lines.next();
  const b = new Device("b");
  const down_ms = await timed(async () => {
    b.connect(port);
    await b.connected();
    const found = await Promise.all(a.handles.map((handle) => b.repo.find(handle.url)));
    found.forEach((handle, number) => {
      if (Automerge.getHeads(handle.doc()).join() !== Automerge.getHeads(a.handles[number].doc()).join())
        throw new Error("a document came down in part");
    });
  });
  b.disconnect();
  tell({ down_ms });

  a.disconnect();
  const restarted = Number((await lines.next()).value);
  tell({ again_ms: await timed(() => (a.connect(restarted), everything())) });
}

// Changes in a row go to documents in turn, so that none is changed again within the throttle of 100 ms.
const LATENCY_DOCUMENTS = 50;

async function latency([port, changes, rate]) {
  const [a, b] = [new Device("a"), new Device("b")];
  for (let number = 0; number < LATENCY_DOCUMENTS; number++) a.handles.push(a.repo.create({ made: {} }));
  a.connect(port);
  await Promise.all(a.handles.map((handle) => a.acknowledged(handle)));
  b.connect(port);
  await b.connected();
  const taken = [];
  const shown = await Promise.all(a.handles.map((handle) => b.repo.find(handle.url)));
  const all = new Promise((resolve) => {
    const changed = ({ patches }) => {
      const now = performance.now();
      for (const { action, path, value } of patches)
        if (action === "put" && path[0] === "made" && path.length === 2) taken.push(now - value);
      if (taken.length >= changes) resolve();
    };
    shown.forEach((handle) => handle.on("change", changed));
  });
  await sleep(500);
  const begun = performance.now();
  for (let number = 0; number < changes; number++) {
    a.handles[number % LATENCY_DOCUMENTS].change((doc) => (doc.made[number] = performance.now()));
    await sleep(Math.max(0, begun + ((number + 1) * 1_000) / rate - performance.now()));
  }
  await all;
  tell({ changes, visible: spread(taken) });
}

async function burst([port, count, changes], oneAtATime) {
  const devices = Array.from({ length: count }, (_, number) => new Device(`device${number}`));
  for (const device of devices) {
    device.handles.push(device.repo.create({ count: 0 }));
    device.connect(port);
    await device.acknowledged(device.handles[0]);
  }
  tell({ ready: true });
  await lines.next();
  const took_ms = await timed(() =>
    Promise.all(
      devices.map(async (device) => {
        const handle = device.handles[0];
        for (let number = 0; number < changes; number++) {
          handle.change((doc) => (doc.count += 1));
          if (oneAtATime) await device.acknowledged(handle);
        }
        if (!oneAtATime) await device.acknowledged(handle);
      }),
    ),
  );
  tell({ took_ms, changes_a_second: (count * changes * 1_000) / took_ms });
}

const word = process.argv[2];
if (word === "documents") await documents(numbers);
if (word === "latency") await latency(numbers);
if (word === "burst") await burst(numbers, process.argv.at(-1) === "one");
process.exit(0);
