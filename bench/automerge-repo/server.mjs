// `node server.mjs DIR`: automerge-repo's sync server as its own example sets it up: WebSocket, files in a folder, documents given to whoever asks.
import { Repo } from "@automerge/automerge-repo";
import { WebSocketServerAdapter } from "@automerge/automerge-repo-network-websocket";
import { NodeFSStorageAdapter } from "@automerge/automerge-repo-storage-nodefs";
import { WebSocketServer } from "ws";

const sockets = new WebSocketServer({ host: "127.0.0.1", port: 0 });
sockets.on("listening", () => console.log(`listening on 127.0.0.1:${sockets.address().port}`));
new Repo({
  peerId: "server",
  network: [new WebSocketServerAdapter(sockets)],
  storage: new NodeFSStorageAdapter(process.argv[2]),
  sharePolicy: async () => false,
});
