// Generates the types of the document, checks a client against them, then lists one refund and follows the feed.
//
// Arguments: the document, the internal URL, a refund number, how many events to read. The token is in TOKEN.
// Prints {"refunds": [id, ...], "events": [sequence, ...]}.

import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const [document, url, refundNo, wanted] = process.argv.slice(2);
const home = import.meta.dirname;
// Below the packages, so that both the compiler and Node find them.
const folder = mkdtempSync(join(home, "generated-"));
const tool = (name, ...args) =>
  execFileSync(join(home, "node_modules", ".bin", name), args, { stdio: ["ignore", "ignore", "inherit"] });

const client = `
import createClient from "openapi-fetch";
import type { paths } from "./api.js";

export async function listAndFollow(baseUrl: string, token: string, refundNo: string, wanted: number) {
  const client = createClient<paths>({ baseUrl, headers: { Authorization: \`Bearer \${token}\` } });
  const refunds = await client.GET("/v1/refunds", { params: { query: { refund_no: refundNo } } });
  if (!refunds.data) throw new Error(JSON.stringify(refunds.error));
  const events: number[] = [];
  for (let after = 0; events.length < wanted; ) {
    const page = await client.GET("/v1/events", { params: { query: { after, limit: 1, wait: "30s" } } });
    if (!page.data) throw new Error(JSON.stringify(page.error));
    events.push(...page.data.data.map((event) => event.sequence));
    after = page.data.next;
  }
  return { refunds: refunds.data.data.map((refund) => refund.id), events };
}
`;

try {
  tool("openapi-typescript", document, "--output", join(folder, "api.d.ts"));
  writeFileSync(join(folder, "client.ts"), client);
  const options = ["--strict", "--skipLibCheck", "--target", "es2022", "--module", "nodenext"];
  tool("tsc", ...options, join(folder, "client.ts"));
  const { listAndFollow } = await import(pathToFileURL(join(folder, "client.js")));
  console.log(JSON.stringify(await listAndFollow(url, process.env.TOKEN, refundNo, Number(wanted))));
} catch (error) {
  console.error(error.stderr?.toString() ?? error);
  process.exitCode = 1;
} finally {
  rmSync(folder, { recursive: true });
}
