// One device: a repo in memory, connected when told, that knows when the server has what it has.
import * as Automerge from "@automerge/automerge";
import { Repo } from "@automerge/automerge-repo";
import { WebSocketClientAdapter } from "@automerge/automerge-repo-network-websocket";

export class Device {
  constructor(name) {
    this.repo = new Repo({ peerId: name, network: [], sharePolicy: async () => true });
    this.handles = [];
    this.waiting = new Map();
  }

  connect(port) {
    this.adapter = new WebSocketClientAdapter(`ws://127.0.0.1:${port}`, 600_000);
    this.adapter.on("message", (message) => this.heard(message));
    this.repo.networkSubsystem.addNetworkAdapter(this.adapter);
  }

  connected() {
    return new Promise((resolve) => this.adapter.once("peer-candidate", resolve));
  }

  disconnect() {
    this.repo.networkSubsystem.removeNetworkAdapter(this.adapter);
  }

  // Resolves when the server has said that it has the document with these very heads.
  acknowledged(handle) {
    const heads = Automerge.getHeads(handle.doc()).join();
    return new Promise((resolve) => this.waiting.set(handle.documentId, { heads, resolve }));
  }

  heard(message) {
    const waits = this.waiting.get(message.documentId);
    if (!waits || message.type !== "sync") return;
    const { heads } = Automerge.decodeSyncMessage(message.data);
    if (heads.join() !== waits.heads) return;
    this.waiting.delete(message.documentId);
    waits.resolve();
  }
}

const SYLLABLES = "ka lo mi ne ru sa to ve an el is or un ta ri do".split(" ");
let state = 7;

function below(bound) {
  state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
  return Math.floor((state / 2 ** 32) * bound);
}

function words(bytes) {
  let text = "";
  while (text.length < bytes) text += SYLLABLES[below(16)] + (below(2) ? " " : "");
  return text;
}

// A document with a deck's worth of cards: about `bytes` of text, 130 a card, added 100 at a time.
export function cards(repo, bytes) {
  const handle = repo.create({ cards: {} });
  const count = Math.floor(bytes / 130);
  for (let first = 0; first < count; first += 100)
    handle.change((doc) => {
      for (let number = first; number < Math.min(first + 100, count); number++)
        doc.cards[`card${number}`] = { front: words(60), back: words(70), suspended: false };
    });
  return handle;
}

export function spread(taken) {
  const sorted = [...taken].sort((a, b) => a - b);
  const at = (share) => sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)];
  return { p50_ms: at(0.5), p90_ms: at(0.9), p99_ms: at(0.99), max_ms: at(1) };
}
