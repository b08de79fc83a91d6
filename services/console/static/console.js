// Live pages: when the read models move, what is shown is fetched again. Without this script every page works, and stands still.
"use strict";
const live = document.querySelector("main[data-live]");

async function refresh() {
  const answer = await fetch(location.href, { headers: { "X-Console": "live" } });
  if (!answer.ok || answer.redirected) { return; }
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const main = page.querySelector("main[data-live]");
  const now = document.querySelector("main[data-live]");
  const busy = now.contains(document.activeElement) && document.activeElement.matches("input, textarea, select, button");
  if (!main || busy || now.querySelector("details[open], input[type=checkbox]:checked")) { return; }
  if (main.innerHTML !== now.innerHTML) { now.innerHTML = main.innerHTML; }
  const footer = page.querySelector("footer");
  if (footer) { document.querySelector("footer").innerHTML = footer.innerHTML; }
}

if (live) {
  let waits = false;
  const source = new EventSource("/console/changes");
  source.onmessage = () => {
    if (waits || document.hidden) { return; }
    waits = true;
    setTimeout(() => { waits = false; refresh(); }, 200);
  };
  document.addEventListener("visibilitychange", () => { if (!document.hidden) { refresh(); } });
}

// The time slider of an order: moving it shows the order as it was recorded then.
document.addEventListener("change", (event) => {
  if (event.target.matches("input[data-moments]")) {
    const moments = JSON.parse(event.target.dataset.moments);
    const address = new URL(location.href);
    const chosen = Number(event.target.value);
    if (chosen >= moments.length - 1) { address.searchParams.delete("at"); } else { address.searchParams.set("at", moments[chosen]); }
    location.assign(address);
  }
});
