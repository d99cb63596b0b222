// A minimal receiver: Fastify, better-sqlite3, node:crypto. It keeps the
// same promise as the real one (verified over the raw bytes, on disk before the answer, counted
// once), with one transaction a request, and serves as the yardstick for its speed.
//
//   node server.js --database FILE --public-key FILE [--port 0] [--workers 0]
//
// --workers 0 is one process; N > 0 forks N cluster workers that share the port and the database.

import cluster from 'node:cluster';
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';

import { buildReceiver } from './receiver.js';
import { Store } from './store.js';

const { values: options } = parseArgs({
  options: {
    database: { type: 'string' },
    'public-key': { type: 'string' },
    port: { type: 'string', default: '0' },
    workers: { type: 'string', default: '0' },
    'merchant-no': { type: 'string', default: '020213827212251' },
  },
});

if (!options.database || !options['public-key']) {
  process.stderr.write('--database and --public-key are needed\n');
  process.exit(2);
}

const workers = Number(options.workers);
if (cluster.isPrimary && workers > 0) {
  runPrimary();
} else {
  await serve();
}

/** Forks the workers, says once where they listen, and ends them when it is ended itself. */
function runPrimary() {
  // The schema is made before any worker opens the file, so that none of them races to make it.
  new Store(options.database).close();
  let listening = 0;
  let stopping = false;
  cluster.on('listening', (_worker, address) => {
    listening += 1;
    if (listening === workers) announce(address.port);
  });
  cluster.on('exit', (_worker, code) => {
    if (!stopping) process.exit(code || 1);
  });
  for (let i = 0; i < workers; i += 1) cluster.fork();
  process.on('SIGTERM', () => {
    stopping = true;
    cluster.disconnect(() => process.exit(0));
    for (const worker of Object.values(cluster.workers)) worker.kill('SIGTERM');
  });
}

async function serve() {
  const store = new Store(options.database);
  const receiver = buildReceiver({
    store,
    publicKeyPem: readFileSync(options['public-key'], 'utf8'),
    merchantNo: options['merchant-no'],
  });
  await receiver.listen({ host: '127.0.0.1', port: Number(options.port) });
  if (cluster.isPrimary) announce(receiver.server.address().port);
  process.on('SIGTERM', async () => {
    await receiver.close();
    store.close();
    process.exit(0);
  });
}

function announce(port) {
  process.stdout.write(`listening public http://127.0.0.1:${port}\n`);
}
