// The package eventsource follows the stream of events through a connection that is closed after the first of them.
//
// Arguments: the internal URL, how many events to read. The token is in TOKEN. Prints the number of each event as it
// comes, and in the end how many connections were made.

import { connect, createServer } from "node:net";
import { EventSource } from "eventsource";

const [url, wanted] = [new URL(process.argv[2]), Number(process.argv[3])];
const open = new Set();
let connections = 0;
const proxy = createServer((reader) => {
  connections += 1;
  const server = connect(url.port, url.hostname);
  for (const [from, to] of [[reader, server], [server, reader]]) {
    open.add(from);
    from.pipe(to);
    from.on("error", () => to.destroy());
    from.on("close", () => to.destroy());
  }
});
proxy.listen(0, "127.0.0.1", () => {
  const source = new EventSource(`http://127.0.0.1:${proxy.address().port}/v1/events/stream`, {
    fetch: (input, init) =>
      fetch(input, { ...init, headers: { ...init.headers, Authorization: `Bearer ${process.env.TOKEN}` } }),
  });
  let seen = 0;
  // Events have a type of their own, so `onmessage` never fires for them.
  for (const type of ["refund.pending", "refund.succeeded", "refund.failed"]) {
    source.addEventListener(type, (event) => {
      console.log(JSON.parse(event.data).sequence);
      seen += 1;
      if (seen === 1) {
        for (const socket of open) socket.destroy();
      }
      if (seen === wanted) {
        console.log(connections);
        process.exit(0);
      }
    });
  }
});
