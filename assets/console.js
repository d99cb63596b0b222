// Keys, copying, and live update; everything works without it.
"use strict";
(() => {
  const KEY = "rr-live", EVERY = 5000;
  const $ = (query) => document.querySelector(query);
  const go = (place) => location.assign(place);
  document.cookie = `rr-zone=${-new Date().getTimezoneOffset()}; path=/console; samesite=strict; max-age=31536000`;

  // Rows: j and k move, o opens.
  const rows = () => [...document.querySelectorAll("table.list tbody tr")].filter((row) => row.querySelector("a"));
  const current = () => rows().findIndex((row) => row.contains(document.activeElement));
  const move = (by) => {
    const all = rows();
    if (!all.length) return;
    const at = current();
    const next = at < 0 ? (by > 0 ? 0 : all.length - 1) : Math.min(Math.max(at + by, 0), all.length - 1);
    const link = all[next].querySelector("a");
    link.focus();
    link.scrollIntoView({ block: "nearest" });
  };

  const say = (text) => {
    const place = $("#said");
    if (place) place.textContent = text;
  };
  const copy = async () => {
    const number = $("[data-copy]");
    if (!number) return;
    try {
      await navigator.clipboard.writeText(number.textContent);
    } catch {
      // Without a secure context the text is selected, so that Ctrl-C takes it.
      getSelection().selectAllChildren(number);
      return;
    }
    say(document.body.dataset.copied);
  };

  const dialog = $("#keys");
  const live = () => localStorage.getItem(KEY) === "on";
  const show = () => {
    const mark = $("#live");
    if (mark) mark.hidden = !live();
  };
  const update = async () => {
    const part = $("[data-live]");
    if (!part || !live() || document.hidden || current() >= 0 || dialog?.open) return;
    const answer = await fetch(location.href, { redirect: "error" }).catch(() => null);
    if (!answer?.ok) return;
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const fresh = page.querySelector("[data-live]");
    if (fresh && current() < 0) part.replaceWith(document.adoptNode(fresh));
  };
  setInterval(update, EVERY);
  document.addEventListener("visibilitychange", update);
  show();

  let began = "";
  const keys = {
    "/": () => $("input[type=search]")?.focus(),
    "?": () => dialog?.showModal(),
    j: () => move(1),
    k: () => move(-1),
    o: () => document.activeElement?.closest("tr")?.querySelector("a")?.click(),
    c: copy,
    r: () => {
      if (!$("[data-live]")) return;
      localStorage.setItem(KEY, live() ? "off" : "on");
      show();
      update();
    },
    u: () => {
      const up = $(".crumbs a");
      if (up) go(up.href);
    },
    gr: () => go("/console/refunds"),
    gq: () => go("/console/requests"),
    ga: () => go("/console/refunds?attention=true"),
  };
  document.addEventListener("keydown", (event) => {
    const target = event.target;
    const isTyping = target.matches?.("input, select, textarea") || target.isContentEditable;
    if (isTyping || event.ctrlKey || event.altKey || event.metaKey || event.isComposing) return;
    if (dialog?.open && event.key !== "?") return;
    const act = keys[began + event.key] ?? keys[event.key];
    began = event.key === "g" && began === "" ? "g" : "";
    if (!act) return;
    event.preventDefault();
    began = "";
    act();
  });
  const button = $("#open-keys");
  if (button && dialog) {
    button.hidden = false;
    button.addEventListener("click", () => dialog.showModal());
  }
})();
