// The change stream as the EventSource of npm's `eventsource` hears it: each event as a line of JSON on standard output.
// usage: node sse.mjs PACKAGES URL. PACKAGES: the folder that holds node_modules. Runs until it is ended from outside.
import { createRequire } from "node:module";
import { join, resolve } from "node:path";

const [, , packages, url] = process.argv;
const require = createRequire(join(resolve(packages), "sse.js"));
const { EventSource } = require("eventsource");

const say = (line) => process.stdout.write(JSON.stringify(line) + "\n");
const source = new EventSource(url);
for (const type of ["opened", "snapshot", "synced", "changes", "bookmark", "reset", "drain"]) {
  source.addEventListener(type, (event) => say({ type, id: event.lastEventId, data: JSON.parse(event.data) }));
}
// Both what the server calls an error and a lost connection come here; the source goes on by itself unless it is closed (2).
source.onerror = (event) => say({ type: "error", code: event.code, state: source.readyState, data: event.data });
