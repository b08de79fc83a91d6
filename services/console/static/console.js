// Live pages, scans that are counted without leaving the page, and the time slider. Without this script every page works,
// and stands still.
//
// A page that is shown again is patched: what is in it stays the same element as long as it is the same thing, so that
// focus, scroll, what is open and what was typed are where they were.
"use strict";

// How what stands in a page is told apart from what stands beside it.
function nameOf(node) {
  if (node.nodeType !== Node.ELEMENT_NODE) { return node.nodeName; }
  const known = node.id || node.getAttribute("name") || node.getAttribute("aria-label") || node.getAttribute("href");
  const value = node.matches("input[type=checkbox], input[type=radio], button") ? node.value : "";
  switch (node.nodeName) {
    case "TR": {
      const within = node.querySelector("a[href], input[type=checkbox], input[name]");
      return within ? `TR ${nameOf(within)}` : `TR ${node.cells.length ? node.cells[0].textContent : ""}`;
    }
    case "DETAILS": return `DETAILS ${node.querySelector("summary")?.textContent}`;
    case "FORM": return `FORM ${node.getAttribute("action")}`;
    default: return `${node.nodeName} ${known ?? ""} ${value}`;
  }
}

// Children by their names; those of the same name are told apart by which of them they are.
function named(children) {
  const counts = new Map(), found = new Map();
  for (const child of children) {
    const name = nameOf(child), count = (counts.get(name) ?? 0) + 1;
    counts.set(name, count);
    found.set(`${name} ${count}`, child);
  }
  return found;
}

// Whether somebody changed a field here and has not sent it yet.
function changed(field) {
  if (field.matches("[type=hidden], [type=submit], button")) { return false; }
  if (field.matches("[type=checkbox], [type=radio]")) { return field.checked !== field.defaultChecked; }
  if (field.matches("select")) {
    const options = [...field.options], chosen = options.findIndex((option) => option.defaultSelected);
    return field.selectedIndex !== Math.max(chosen, options.length ? 0 : -1);
  }
  return field.value !== field.defaultValue;
}

const FIELDS = "input, select, textarea";
const typedIn = (node) => node.nodeType === Node.ELEMENT_NODE
  && (node.matches(FIELDS) ? changed(node) : [...node.querySelectorAll(FIELDS)].some(changed));

function patchAttributes(old, fresh) {
  const own = old.nodeName === "DETAILS" ? ["open"] : [];
  for (const { name } of [...old.attributes]) {
    if (!fresh.hasAttribute(name) && !own.includes(name)) { old.removeAttribute(name); }
  }
  for (const { name, value } of fresh.attributes) {
    if (old.getAttribute(name) !== value && !own.includes(name)) { old.setAttribute(name, value); }
  }
}

// Make `old` like `fresh`. Of fields that somebody changed the value stays, unless `answered`: they were sent, and are in
// `fresh` as they were taken.
function patch(old, fresh, answered = false) {
  if (old.nodeType !== Node.ELEMENT_NODE) {
    if (old.nodeValue !== fresh.nodeValue) { old.nodeValue = fresh.nodeValue; }
    return;
  }
  // A form in the middle of which somebody is keeps what it sends unseen: it is sent as it was begun.
  const kept = old.matches("input[type=hidden]") && old.form && !answered && typedIn(old.form);
  if (kept) { return; }
  const field = old.matches(FIELDS), mine = field && !(answered && old !== document.activeElement) && changed(old);
  const value = old.value;
  patchAttributes(old, fresh);
  patchChildren(old, fresh, answered);
  if (field && !mine) { undo(old); } else if (old.matches("select")) { old.value = value; }
}

// A field as the page has it, whatever was chosen or typed.
function undo(field) {
  if (field.matches("select")) {
    const chosen = [...field.options].findIndex((option) => option.defaultSelected);
    field.selectedIndex = Math.max(chosen, 0);
  } else if (field.matches("[type=checkbox], [type=radio]")) {
    field.checked = field.defaultChecked;
  } else if (field.value !== field.defaultValue) {
    field.value = field.defaultValue;
  }
}

function patchChildren(old, fresh, answered) {
  const wanted = named([...fresh.childNodes]), there = named([...old.childNodes]);
  for (const [name, child] of there) {
    if (!wanted.has(name) && (answered || !typedIn(child))) { remove(child); }
  }
  let next = old.firstChild;
  for (const [name, child] of wanted) {
    const mine = there.get(name);
    if (!mine) { old.insertBefore(document.importNode(child, true), next); continue; }
    patch(mine, child, answered);
    if (mine === next) { next = next.nextSibling; continue; }
    if (!mine.contains(document.activeElement)) { old.insertBefore(mine, next); continue; }
    // What has the focus would lose it by being moved: what stands before it goes behind it.
    while (next !== mine) { const after = next.nextSibling; old.append(next); next = after; }
    next = mine.nextSibling;
  }
}

// Where the focus was in what is gone, it goes to what is around it.
function remove(node) {
  const around = node.contains(document.activeElement) ? node.parentElement.closest("[tabindex]") : null;
  node.remove();
  around?.focus({ preventScroll: true });
}

const GATHER_MS = 200;  // how long moves are gathered before the page is asked for: services/console/changes.py says so too
const ANSWER_MS = 30_000;  // after which an answer is not waited for any more
const SILENT_MS = 60_000;  // the stream says every 20 s at most that it is still there
const AGAIN_MS = 10_000;  // between tries to listen again
const CODES_MAX = 100;  // codes that wait to be counted

const SIGN_IN = "/console/sign-in";
const pause = (ms) => new Promise((resolve) => { setTimeout(resolve, ms); });
const parsed = (text) => new DOMParser().parseFromString(text, "text/html");
const clock = (moment) => `${moment.toISOString().slice(11, 19)} UTC`;

// Why what is shown may be old: the page, and the stream that tells of changes. Nothing where all is well.
const trouble = { page: "", stream: "", scan: "" };
let shown = new Date();
let ended = false;

function say() {
  const note = document.getElementById("stale");
  const why = trouble.page || trouble.stream;
  const said = [trouble.scan, why && `Not live since ${clock(shown)}: ${why}.`].filter(Boolean).join(" ");
  if (note.dataset.said === said) { return; }
  note.dataset.said = said;
  note.textContent = said;
  if (said && ended) {
    const link = document.createElement("a");
    link.href = `${SIGN_IN}?${new URLSearchParams({ next: location.pathname + location.search })}`;
    link.textContent = "Sign in again";
    note.append(" ", link);
  }
}

// What is wrong with an answer, in words; nothing where it is a page of the console for whoever is signed in.
function wrong(answer, page) {
  ended = new URL(answer.url).pathname === SIGN_IN;
  if (ended) { return "your session ended"; }
  return answer.ok ? "" : page.querySelector("main h1")?.textContent || `the console answered ${answer.status}`;
}

const within = () => AbortSignal.timeout(ANSWER_MS);

async function ask() {
  if (!document.querySelector("main[data-live]")) { return; }  // an order as it was stays so
  const address = location.href, begun = new Date();
  let why, page;
  try {
    const answer = await fetch(address, { headers: { "X-Console": "live" }, signal: within() });
    page = parsed(await answer.text());
    why = wrong(answer, page);
  } catch {
    why = "the console does not answer";
  }
  if (leaving || location.href !== address) { return; }
  const main = page?.querySelector("main[data-live]");
  trouble.page = why || (main ? "" : "the page became another; load it again");
  if (!trouble.page) {
    shown = begun;
    patch(document.querySelector("main"), main);
    patch(document.getElementById("age"), page.getElementById("age"));
  }
  say();
}

// The page is asked for once at a time; what moves meanwhile has it asked for once more.
let wanted = false, asking = false, leaving = false;
async function refresh() {
  wanted = true;
  if (asking) { return; }
  asking = true;
  try {
    while (wanted && !document.hidden) {
      await pause(GATHER_MS);
      wanted = false;
      await ask();
    }
  } finally {
    asking = false;
  }
}

let silent;
function listen() {
  const source = new EventSource("/console/changes");
  const again = (why, ms) => {
    clearTimeout(silent);
    source.close();
    lost(why);
    setTimeout(listen, ms);
  };
  const heard = () => {
    clearTimeout(silent);
    silent = setTimeout(() => again("nothing was heard of changes", 0), SILENT_MS);
    trouble.stream = "";
    say();
  };
  const moved = () => { heard(); refresh(); };
  source.onopen = heard;
  source.onmessage = moved;
  source.addEventListener("here", moved);  // nothing moved: the page says whether it still can be had, and how old it is
  source.onerror = () => {
    if (source.readyState === EventSource.CLOSED) { again("no changes are told to this page; too many may be open", AGAIN_MS); } else { lost("the connection broke"); }
  };
}

function lost(why) {
  const first = !trouble.stream;
  trouble.stream = why;
  say();
  if (first || trouble.page) { refresh(); }  // the page itself knows why
}

const listens = document.querySelector("main[data-live]") !== null;
if (listens) {
  listen();
  document.addEventListener("visibilitychange", () => { if (!document.hidden) { refresh(); } });
}

// Codes that are scanned on a work are counted one after the other, while the next one is read into the same field.
const codes = [];
let counting = false;
async function count() {
  if (counting) { return; }
  counting = true;
  while (codes.length) {
    const { code, button } = codes.shift(), form = document.querySelector("form[data-scan]");
    if (!form) { codes.length = 0; break; }
    const said = new URLSearchParams(new FormData(form));
    said.set("scan", code);
    if (button?.name) { said.set(button.name, button.value); }
    let answer, page, why;
    try {
      answer = await fetch(form.action, { method: "POST", body: said, signal: within() });
      page = parsed(await answer.text());
      why = wrong(answer, page);
    } catch {
      why = "the console does not answer";
    }
    if (why) {
      const lost = [code, ...codes.splice(0).map((each) => each.code)].filter(Boolean);
      trouble.scan = page?.querySelector("form[data-again]")
        ? `${why}: scan ${code} again, it is done once.`
        : `Nothing was done with ${lost.join(", ") || "this"}: ${why}.`;
    } else if (new URL(answer.url).pathname !== location.pathname) {
      codes.length = 0;
      location.assign(answer.url);
    } else {
      history.replaceState(null, "", answer.url);
      trouble.scan = "";
      shown = new Date();
      patch(document.querySelector("main"), page.querySelector("main"), true);
      if (button?.name) { document.querySelector("form[data-scan] [name=scan]")?.focus(); }
    }
    say();
  }
  counting = false;
}

document.addEventListener("submit", (event) => {
  const form = event.target, button = event.submitter;
  if (!form.matches("form[data-scan]") || button?.hasAttribute("formaction")) {
    leaving = true;  // what was sent is not patched any more, unless no other page comes of it
    setTimeout(() => { leaving = false; }, ANSWER_MS);
    return;
  }
  event.preventDefault();
  const field = form.elements.namedItem("scan");
  if (codes.length >= CODES_MAX) { return; }
  codes.push({ code: field.value.trim(), button });
  field.value = "";
  count();
});

// The time slider of an order: moving it shows the order as it was recorded then, in this page, so that it keeps the focus.
// Where several moves come at once, the last one counts.
document.documentElement.classList.add("scripts");
let moves = 0;
async function travel(slider) {
  const move = ++moves;
  await pause(GATHER_MS);
  if (move !== moves) { return; }
  const address = new URL(location.pathname, location.href);
  const moment = JSON.parse(slider.dataset.moments)[Number(slider.value)];
  if (moment !== slider.dataset.newest) { address.searchParams.set("at", moment); }
  let page;
  try {
    const answer = await fetch(address, { signal: within() });
    page = parsed(await answer.text());
    if (wrong(answer, page)) { page = null; }
  } catch {
    page = null;
  }
  if (move !== moves) { return; }
  // What cannot be shown here is gone to, as is a page that has to be loaded to be live.
  if (!page || (page.querySelector("main[data-live]") && !listens)) {
    address.hash = slider.id;
    location.assign(address);
    return;
  }
  history.replaceState(null, "", address);
  shown = new Date();
  trouble.page = "";
  patch(document.querySelector("main"), page.querySelector("main"), true);
  patch(document.getElementById("age"), page.getElementById("age"));
  say();
}

document.addEventListener("change", (event) => {
  if (event.target.matches("#moment")) { travel(event.target); }
});
if (location.hash === "#moment") { document.getElementById("moment")?.focus(); }

// A form is sent once: while it is on its way no form can be sent, and the buttons say so.
const LOCKED_MS = 45000; // longer than the console waits for a door
let sending = false;

function lock(locked) {
  sending = locked;
  for (const button of document.querySelectorAll("form[method=post] button")) { button.disabled = locked; }
}

document.addEventListener("submit", (event) => {
  if (event.target.method !== "post" || event.defaultPrevented) { return; }
  if (sending) { event.preventDefault(); return; }
  sending = true;
  setTimeout(() => { lock(true); }, 0); // what the browser sends with the form has been gathered by then
  setTimeout(() => { lock(false); }, LOCKED_MS);
});
window.addEventListener("pageshow", () => { lock(false); });
