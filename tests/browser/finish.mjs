// One of everything that needs a person after `demo` is found from the start page, understood and finished, with three
// clicks and one reason at most; by the words of the pages alone. Called by `console.mjs`.

/** What the start page calls it, the link that is taken there, and the button after it. */
const CASES = [
  { need: "conflict", act: "Keep what is recorded" },
  { need: "amount_mismatch", act: "Accept the callback" },
  { need: "outcome_unknown", act: "The money moved" },
  { need: "Parked close-outs", act: "Of no matter" },
  { need: "Stopped accounts" },
  { need: "Rejected signatures in 24 h", act: "Reviewed" },
];
const CLICKS_MAX = 3;

/** How many the start page names; 0: it no longer names the kind. */
async function count(page, base, need) {
  await page.goto(`${base}/console/`);
  const place = kind(page, need);
  return (await place.count()) === 0 ? 0 : Number(await place.locator("b").first().textContent());
}

function kind(page, need) {
  const found = page.locator(".needs > li");
  return /^[a-z_]+$/.test(need)
    ? found.filter({ has: page.locator(`span[title="${need}"]`) })
    : found.filter({ has: page.locator("h2", { hasText: need }) });
}

/** Finishes the first of a kind; gives the clicks it took. */
async function finish(page, base, { need, act }) {
  let clicks = 0;
  const click = async (what) => {
    clicks += 1;
    await Promise.all([page.waitForNavigation(), what.click()]);
  };
  await page.goto(`${base}/console/`);
  const advice = await kind(page, need).locator("p").first().textContent();
  if (!advice.trim()) throw new Error("no advice");
  await click(kind(page, need).locator("ul a").first());
  if (act) await click(page.locator("main a.button", { hasText: act }).first());
  const reasons = page.locator("main form input[name=reason]");
  if ((await reasons.count()) !== 1) throw new Error(`${await reasons.count()} reasons are asked for`);
  // The last step by keyboard: the field has the focus.
  await page.locator("#reason:focus").waitFor();
  await page.keyboard.type("looked up in the provider's portal");
  clicks += 1;
  await Promise.all([page.waitForNavigation(), page.keyboard.press("Enter")]);
  if ((await page.locator("p.done[role=status]").count()) !== 1) throw new Error(`not done: ${page.url()}`);
  return clicks;
}

export async function finishAll(page, base, note) {
  for (const one of CASES) {
    try {
      const before = await count(page, base, one.need);
      if (before === 0) throw new Error("the start page does not name it");
      const clicks = await finish(page, base, one);
      if (clicks > CLICKS_MAX) note(`finish ${one.need}`, `${clicks} clicks`);
      const after = await count(page, base, one.need);
      if (after >= before) note(`finish ${one.need}`, `still ${after} of ${before}`);
    } catch (error) {
      note(`finish ${one.need}`, error.message.split("\n")[0]);
    }
  }
  return CASES.length;
}
