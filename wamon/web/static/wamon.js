// Keeps the page up to date without a reload: fetches it again and changes only what is different, so that focus,
// typed text, open details and the place on the page stay. Without this script every page works, by reloading it.
"use strict";
(() => {
  const EVERY = Number(document.documentElement.dataset.every) * 1000;
  const PATIENCE = 10_000;
  const NAME = "wamon-name";
  const byId = (id) => document.getElementById(id);
  const hour = (at) => `${at.toISOString().slice(11, 19)} UTC`;
  let answeredAt = new Date();
  let timer = 0;
  let isLooking = false;

  // What somebody changed by hand is theirs: it is not in the page that comes.
  const isTheirs = (element, name) =>
    (name === "open" && element.nodeName === "DETAILS") || (name === "disabled" && element.nodeName === "BUTTON");

  function sync(old, fresh) {
    for (const {name, value} of fresh.attributes) {
      if (!isTheirs(old, name) && old.getAttribute(name) !== value) old.setAttribute(name, value);
    }
    for (const {name} of [...old.attributes]) {
      if (!isTheirs(old, name) && !fresh.hasAttribute(name)) old.removeAttribute(name);
    }
  }

  // Of a form, `id` may be the field of that name.
  const idOf = (node) => (node.nodeType === Node.ELEMENT_NODE && node.getAttribute("id")) || "";

  function morph(old, fresh) {
    const named = new Map();
    for (const child of old.children) if (idOf(child)) named.set(idOf(child), child);
    let at = old.firstChild;
    for (const next of [...fresh.childNodes]) {
      let same = idOf(next) ? named.get(idOf(next)) : at;
      if (!idOf(next) && at && idOf(at)) same = null;
      if (same && same.nodeType === next.nodeType && same.nodeName === next.nodeName) {
        if (same === at) at = at.nextSibling;
        else old.insertBefore(same, at);
        if (same.nodeType === Node.ELEMENT_NODE) {
          sync(same, next);
          morph(same, next);
        } else if (same.nodeValue !== next.nodeValue) {
          same.nodeValue = next.nodeValue;
        }
      } else {
        old.insertBefore(document.importNode(next, true), at);
      }
    }
    while (at) {
      const gone = at;
      at = at.nextSibling;
      gone.remove();
    }
  }

  function show(fresh) {
    const focused = document.activeElement;
    for (const part of ["frame", "main"]) {
      if (byId(part) && fresh.getElementById(part)) morph(byId(part), fresh.getElementById(part));
    }
    if (document.title !== fresh.title) document.title = fresh.title;
    // A row that moved takes its focus along only when it is given back.
    if (focused && focused !== document.activeElement && focused.isConnected) focused.focus({preventScroll: true});
    fillNames();
  }

  function tell(isAnswering, why) {
    document.documentElement.classList.toggle("live", isAnswering);
    document.documentElement.classList.toggle("lost", !isAnswering);
    const words = isAnswering ? "" : `${why} What you see is of ${hour(answeredAt)}; it may be old.`;
    if (byId("banner").textContent !== words) byId("banner").textContent = words;
    if (byId("banner").hidden !== isAnswering) byId("banner").hidden = isAnswering;
    byId("updated").textContent = `updated ${hour(answeredAt)}`;
    if (!isAnswering && !document.title.startsWith("(no answer)")) document.title = `(no answer) ${document.title}`;
  }

  // An open menu would close under the pointer, and a selection would be lost.
  const isInUse = () => document.activeElement.nodeName === "SELECT" || getSelection().toString() !== "";

  async function look() {
    clearTimeout(timer);
    if (document.hidden || isLooking) return;
    isLooking = true;
    try {
      const signal = AbortSignal.timeout(PATIENCE);
      const answer = await fetch(location.href, {cache: "no-store", headers: {accept: "text/html"}, signal});
      if (answer.ok) {
        const text = await answer.text();
        if (!isInUse()) {
          show(new DOMParser().parseFromString(text, "text/html"));
          answeredAt = new Date();
        }
        tell(true);
      } else if (answer.status === 401) {
        tell(false, "wamon asks who you are: load this page again.");
      } else {
        tell(false, `wamon answers with an error (${answer.status}).`);
      }
    } catch {
      tell(false, "wamon no longer answers.");
    }
    isLooking = false;
    timer = setTimeout(look, EVERY);
  }

  function fillNames() {
    let name = "";
    try { name = localStorage.getItem(NAME) || ""; } catch { /* a browser that keeps nothing */ }
    for (const field of document.querySelectorAll("input[name=name]")) {
      if (!field.value && field !== document.activeElement) field.value = name;
    }
  }

  document.addEventListener("change", (event) => {
    if (event.target.name !== "name") return;
    try { localStorage.setItem(NAME, event.target.value); } catch { /* a browser that keeps nothing */ }
    fillNames();
  });
  document.addEventListener("submit", (event) => {
    // A second press of the same button would be the same act; it says so by not being there.
    if (event.target.method === "post") for (const button of event.target.querySelectorAll("button")) button.disabled = true;
  });
  document.addEventListener("visibilitychange", look);
  // A page that comes back from the history may be hours old, and its buttons spent.
  window.addEventListener("pageshow", (event) => {
    if (!event.persisted) return;
    for (const button of document.querySelectorAll("button:disabled")) button.disabled = false;
    look();
  });
  // Said once: the next look at the page shall not say it again.
  const here = new URL(location.href);
  if (here.searchParams.has("did")) {
    here.searchParams.delete("did");
    history.replaceState(null, "", here);
  }
  fillNames();
  tell(true);
  // A page that shows what came of a form is not asked for by its address.
  if (document.documentElement.dataset.still === undefined) timer = setTimeout(look, EVERY);
})();
