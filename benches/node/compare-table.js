// Prints the markdown table of benches/compare from the JSON files that the load program left.
//
//   node compare-table.js FOLDER    reads NAME.load.json and NAME.disk.json in FOLDER/round-*
//
// Every figure is the median of its rounds. A ratio is taken within each round first, because the
// machine and its disk may be another one a minute later.

import { readdirSync, readFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';

const BASELINES = ['node-0', 'node-2'];
const TITLES = new Map([
  ['node-0', 'Node, one process'],
  ['node-2', 'Node, two cluster workers'],
  ['refund-receiver', 'refund-receiver'],
]);
const CONNECTIONS = [1, 16, 64];
const COLUMNS = [
  'receiver',
  ...CONNECTIONS.map((connections) => `req/s at ${connections}`),
  `× better Node at ${CONNECTIONS.join(' / ')}`,
  'p50 / p99 at 64, ms',
  'p50 at 1, ms',
  'fdatasync, ms',
  'p50 at 1 ÷ fdatasync',
  'server CPU µs a request at 64',
  'peak RSS, MiB',
  'not acked',
];

const folder = process.argv[2];
const rounds = readdirSync(folder)
  .filter((name) => name.startsWith('round-'))
  .map((name) => readRound(join(folder, name)));

const rows = [...TITLES.keys()].map(row);
for (const cells of [COLUMNS, COLUMNS.map((_, i) => (i === 0 ? '---' : '--:')), ...rows]) {
  process.stdout.write(`| ${cells.join(' | ')} |\n`);
}
process.stdout.write(
  `\nMedian of ${rounds.length} rounds, ${cpus().length} cores, Node ${process.versions.node}\n`,
);
reportSetsThatRanOut();

/** Receiver's name → its stages by number of connections, and the disk just before them. */
function readRound(path) {
  const read = (name) => JSON.parse(readFileSync(join(path, name), 'utf8'));
  return new Map(
    [...TITLES.keys()].map((name) => {
      const { stages } = read(`${name}.load.json`);
      const at = new Map(stages.map((stage) => [stage.connections, stage]));
      return [name, { at, fdatasyncUs: read(`${name}.disk.json`).p50_us }];
    }),
  );
}

function row(name) {
  const medianAt = (connections, field) =>
    median(rounds.map((round) => round.get(name).at.get(connections)[field]));
  const stages = rounds.flatMap((round) => [...round.get(name).at.values()]);
  const ratios = CONNECTIONS.map((connections) =>
    median(rounds.map((round) => rate(round, name, connections) / baseline(round, connections))),
  );
  const disk = rounds.map((round) => round.get(name).fdatasyncUs);
  const alone = rounds.map(
    (round) => round.get(name).at.get(1).p50_us / round.get(name).fdatasyncUs,
  );
  const kib = Math.max(...stages.map((stage) => stage.server_resident_kib_max));
  return [
    TITLES.get(name),
    ...CONNECTIONS.map((count) => Math.round(medianAt(count, 'requests_per_second'))),
    ratios.map((ratio) => ratio.toFixed(2)).join(' / '),
    `${milliseconds(medianAt(64, 'p50_us'))} / ${milliseconds(medianAt(64, 'p99_us'))}`,
    milliseconds(medianAt(1, 'p50_us')),
    milliseconds(median(disk)),
    median(alone).toFixed(2),
    Math.round(medianAt(64, 'server_cpu_us_per_request')),
    Math.round(kib / 1024),
    stages.reduce((sum, stage) => sum + stage.not_2xx + stage.wrong_body, 0),
  ];
}

function rate(round, name, connections) {
  return round.get(name).at.get(connections).requests_per_second;
}

/** The rate of whichever Node form did better in this round at this many connections. */
function baseline(round, connections) {
  return Math.max(...BASELINES.map((name) => rate(round, name, connections)));
}

/** With an even number the mean of the middle two. */
function median(values) {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

function milliseconds(microseconds) {
  return (microseconds / 1000).toFixed(2);
}

function reportSetsThatRanOut() {
  for (const round of rounds) {
    for (const [name, { at }] of round) {
      for (const { connections, seconds, ran_out: ranOut } of at.values()) {
        if (!ranOut) continue;
        const note = `the prepared requests ran out after ${seconds.toFixed(1)} s`;
        process.stdout.write(`${TITLES.get(name)} at ${connections} connections: ${note}\n`);
      }
    }
  }
}
