// Opens every page of the console in a real browser: both languages, two widths, light and dark, with and without
// script. Fails on a violation of WCAG 2.2 AA that axe finds, on a message of the browser's console, on a report of
// the policy, and where something is wider than the window. Run by `tests/browser/run`.
//
//   node console.mjs BASE_URL TOKEN SCREENSHOTS PATH...

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { chromium } from "playwright-core";
import { finishAll } from "./finish.mjs";

const [base, token, folder, ...paths] = process.argv.slice(2);
const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core"), "utf8");
const RULES = ["wcag2a", "wcag2aa", "wcag21aa", "wcag22aa"];
/** Longest time that a page, a step or axe may take. */
const STEP_MS = 30_000;
const problems = [];
const note = (where, what) => problems.push(`${where}: ${what}`);

/** The promise, or an error once it took too long: a script in a page has no time limit of its own. */
function within(promise, what) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what} took longer than ${STEP_MS} ms`)), STEP_MS);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

const browser = await chromium.launch({
  timeout: STEP_MS,
  executablePath: process.env.CHROMIUM || "/usr/bin/chromium",
  args: process.getuid() === 0 ? ["--no-sandbox"] : [],
});

/** A context that is logged in, by keyboard alone: the field of the token has the focus. */
async function context(options) {
  const made = await browser.newContext(options);
  made.setDefaultTimeout(STEP_MS);
  const page = await made.newPage();
  await page.goto(`${base}/console/`);
  await page.locator("#token:focus").waitFor();
  await page.keyboard.type(token);
  await Promise.all([page.waitForNavigation(), page.keyboard.press("Enter")]);
  if (!page.url().endsWith("/console/")) note("login", `led to ${page.url()}`);
  page.on("console", (message) => note(page.url(), `console: ${message.text()}`));
  page.on("pageerror", (error) => note(page.url(), `error: ${error.message}`));
  return [made, page];
}

/** Looks at one page. */
async function look(page, path, where, hasScript) {
  const answer = await page.goto(base + path);
  if (answer.status() !== 200) note(where, `status ${answer.status()}`);
  if (!hasScript) return;
  try {
    await within(page.evaluate(axe), "axe");
    const run = (rules) => window.axe.run(document, { runOnly: { type: "tag", values: rules } });
    const result = await within(page.evaluate(run, RULES), "axe");
    for (const violation of result.violations)
      for (const node of violation.nodes) note(where, `${violation.id}: ${node.html.slice(0, 160)}`);
    const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    if (wide > 0) note(where, `${wide} px wider than the window`);
  } catch (error) {
    note(where, `axe: ${error.message}`);
  }
}

/** Types into the field that a page gives the focus to, which happens after the page has loaded. */
async function typeFirst(page, selector, text) {
  await page.locator(`${selector}:focus`).waitFor();
  await page.keyboard.type(text);
}

/** The keys, and an act by keyboard alone. */
async function keys() {
  const [made, page] = await context({ locale: "en-GB" });
  const to = (url, ...pressed) =>
    Promise.all([page.waitForURL(url), pressed.reduce((done, key) => done.then(() => page.keyboard.press(key)), Promise.resolve())])
      .then(() => page.waitForLoadState())
      .catch((error) => note(`keys ${pressed.join(" ")}`, error.message.split("\n")[0]));
  await to(/refunds$/, "g", "r");
  await to(/rf_/, "j", "j", "o");
  await to(/refunds$/, "u");
  await page.keyboard.press("?");
  if (!(await page.locator("#keys").isVisible())) note("key ?", "shows no keys");
  await page.keyboard.press("Escape");
  await page.keyboard.press("/");
  await page.keyboard.type("grj?");
  if ((await page.inputValue("input[type=search]")) !== "grj?") note("key /", "typing in a field does something else");
  await page.evaluate(() => document.activeElement.blur());
  await to(/attention=true/, "g", "a");
  const act = paths.find((path) => path.endsWith("/stop"));
  await page.goto(base + act);
  await typeFirst(page, "#reason", "a try by keyboard alone");
  await to(/accounts\?done=stopped/, "Enter");
  await page.goto(base + act.replace(/stop$/, "resume"));
  await typeFirst(page, "#reason", "it was a try");
  await to(/accounts\?done=resumed/, "Enter");
  await made.close();
}

/** Presses Tab until what is focused matches; everything has to be reached so. */
async function tabTo(page, selector) {
  for (let presses = 0; presses < 120; presses += 1) {
    await page.keyboard.press("Tab");
    if (await page.evaluate((wanted) => document.activeElement.matches(wanted), selector)) return;
  }
  throw new Error(`Tab does not reach ${selector} on ${page.url()}`);
}

/** A refund, an ask, a note, a fault and the sandbox's clock, by keyboard alone from page to page. */
async function actsByKeyboard() {
  const [made, page] = await context({ locale: "en-GB" });
  const enter = (url) => Promise.all([page.waitForURL(url), page.keyboard.press("Enter")]);
  const type = async (selector, text) => {
    await tabTo(page, selector);
    await page.keyboard.type(text);
  };
  const reason = async (url) => {
    if (await page.locator("#reason[autofocus]").count()) await typeFirst(page, "#reason", "by keyboard alone");
    else await type("#reason", "by keyboard alone");
    await enter(url);
  };
  try {
    await page.goto(`${base}/console/requests/new`);
    await type("#account", "payermax/played");
    await type("#order_no", "KEYBOARD1");
    await type("#amount", "10000");
    await type("#currency", "IDR");
    await type("#reason", "returned");
    await tabTo(page, "button.main");
    await page.keyboard.press("Enter");
    await page.locator("button.risk").waitFor();
    await tabTo(page, "button.risk");
    await enter(/rf_[^?]*\?done=stored/);
    // It is sent by a worker; its page is asked again until the provider has taken it.
    const until = Date.now() + STEP_MS;
    while ((await page.locator('a[href$="/ask"]').count()) === 0 && Date.now() < until) await page.reload();
    for (const [act, done] of [["ask", /done=asked/], ["note", /done=noted/]]) {
      await tabTo(page, `a[href$="/${act}"]`);
      await enter(new RegExp(`/${act}$`));
      await reason(done);
    }
    await page.goto(`${base}/console/sandbox`);
    await tabTo(page, 'a[href*="/sandbox/arm"]');
    await enter(/sandbox\/arm/);
    await typeFirst(page, "#fault", "after-accept-cut");
    await reason(/done=armed/);
    await tabTo(page, 'a[href*="/sandbox/clock"]');
    await enter(/sandbox\/clock/);
    await typeFirst(page, "#advance", "1h");
    await reason(/done=moved/);
    await tabTo(page, 'a[href*="/sandbox/disarm"]');
    await enter(/sandbox\/disarm/);
    await reason(/done=disarmed/);
  } catch (error) {
    const alerts = await page.locator(".alert").allTextContents();
    note("acts by keyboard", [error.message.split("\n")[0], ...alerts].join(" · "));
  }
  await made.close();
}

const name = (path) => path.replace(/^\/console\/?/, "").replace(/[?#].*/, "").replace(/[/:]+/g, "-").replace(/(rf|cb)_[0-9a-f-]+/, "one") || "start";

let looked = 0;
for (const locale of ["en-GB", "zh-CN"])
  for (const width of [360, 1280])
    for (const colorScheme of ["light", "dark"])
      for (const javaScriptEnabled of [true, false]) {
        if (!javaScriptEnabled && colorScheme === "dark") continue;
        const viewport = { width, height: 900 };
        const [made, page] = await context({ locale, viewport, colorScheme, javaScriptEnabled, bypassCSP: false });
        for (const path of paths) {
          const where = `${path} ${locale} ${width} ${colorScheme}${javaScriptEnabled ? "" : " no script"}`;
          await look(page, path, where, javaScriptEnabled);
          looked += 1;
          if (javaScriptEnabled) {
            const file = `${folder}/${name(path)}-${locale.slice(0, 2)}-${width}-${colorScheme}.png`;
            await page.screenshot({ path: file, fullPage: width === 360 });
          }
        }
        await made.close();
      }

await keys();
await actsByKeyboard();
const [made, page] = await context({ locale: "en-GB" });
const finished = await finishAll(page, base, note);
await made.close();
await browser.close();
if (problems.length > 0) {
  console.error([...new Set(problems)].join("\n"));
  process.exit(1);
}
console.log(`${looked} pages are as they should be; ${finished} kinds of trouble were finished in three clicks each`);
