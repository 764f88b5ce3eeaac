// What the console gains with JavaScript: copying, live ticks, a preview of an address.
// Every page is complete without this file. Nothing here stores or sends what it copies.
"use strict";
(() => {
  const root = document.documentElement;
  root.classList.add("js");

  // One polite live region says what happened, for those who do not see it.
  const voice = document.createElement("p");
  voice.className = "sr";
  voice.setAttribute("role", "status");
  document.body.append(voice);
  const say = (text) => { voice.textContent = ""; window.setTimeout(() => { voice.textContent = text; }, 50); };

  // A page that shows a secret was the answer to a POST: give it the address it would have
  // as a GET, so that a reload asks for that page instead of sending the form again.
  const once = document.querySelector("[data-url]");
  if (once) history.replaceState(null, "", once.dataset.url);

  // Copy buttons: data-copy names the element that holds the text, data-what its name in words.
  const select = (node) => {
    const range = document.createRange();
    range.selectNodeContents(node);
    const selection = window.getSelection();
    selection.removeAllRanges();
    selection.addRange(range);
  };
  const write = async (node) => {
    if (navigator.clipboard && window.isSecureContext) {
      try { return await navigator.clipboard.writeText(node.textContent); } catch { /* not allowed: try the old way */ }
    }
    // Plain http to another machine has no clipboard interface: select and use the old command.
    select(node);
    if (!document.execCommand("copy")) throw new Error("refused");
    window.getSelection().removeAllRanges();
  };
  document.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-copy]");
    if (!button) return;
    const node = document.getElementById(button.dataset.copy);
    if (!node) return;
    const before = button.dataset.word || button.textContent;
    const label = button.dataset.label || button.getAttribute("aria-label") || before;
    [button.dataset.word, button.dataset.label] = [before, label];
    // The name follows the word that is shown.
    const show = (word) => {
      button.textContent = word;
      button.setAttribute("aria-label", word === before ? label : `${word}: ${button.dataset.what}`);
    };
    try {
      await write(node);
      show("Copied");
      say(`${button.dataset.what} copied`);
    } catch {
      select(node);
      show("Selected");
      say(`${button.dataset.what} is selected: press Control C or Command C to copy it`);
    }
    window.setTimeout(() => show(before), 2000);
  });

  // The address an endpoint will have, while its name is typed.
  const slug = (name) => name.toLowerCase()
    .replace(/[^a-z0-9]+/g, "-").replace(/^-+|-+$/g, "").slice(0, 63).replace(/-+$/, "");
  for (const input of document.querySelectorAll("[data-preview]")) {
    const target = document.getElementById(input.dataset.preview);
    if (!target) continue;
    const empty = target.textContent;
    const show = () => { target.textContent = slug(input.value) || empty; };
    input.addEventListener("input", show);
    show();
  }

  // The identity provider's tile suggests a name as long as the administrator has typed none.
  for (const input of document.querySelectorAll("[data-suggest]")) {
    for (const radio of document.querySelectorAll(`input[name="${input.dataset.suggest}"]`)) {
      radio.addEventListener("change", () => { input.placeholder = radio.dataset.example || ""; });
    }
  }

  // Fragments that keep themselves fresh. The server does not count these calls as activity.
  const poll = (node) => {
    const every = Math.max(2, Number(node.dataset.every) || 3) * 1000;
    let said = node.querySelector("[data-say]")?.dataset.say;
    let wait = every;
    const stop = (text) => {
      const note = document.createElement("p");
      note.className = "small muted";
      note.textContent = text;
      node.append(note);
      say(text);
    };
    const tick = async () => {
      if (document.hidden) return window.setTimeout(tick, every);
      try {
        const answer = await fetch(node.dataset.poll, { redirect: "manual", headers: { "X-Poll": "1" } });
        if (answer.type === "opaqueredirect" || answer.status === 401 || answer.status === 403) {
          return stop("You are signed out. Reload the page to sign in again.");
        }
        if (answer.status === 404) return stop("This endpoint is gone. Reload the page.");
        if (answer.ok) {
          const html = await answer.text();
          const fresh = new DOMParser().parseFromString(html, "text/html").body;
          const now = fresh.querySelector("[data-say]")?.dataset.say;
          for (const part of fresh.querySelectorAll("[data-live]")) {
            const shown = document.querySelector(`[data-live="${part.dataset.live}"]`);
            if (shown && shown.innerHTML !== part.innerHTML) shown.replaceChildren(...part.childNodes);
          }
          fresh.querySelector("[hidden]")?.remove();
          if (!node.contains(document.activeElement)) node.replaceChildren(...fresh.childNodes);
          if (now && now !== said) { said = now; say(now); }
          // A list that is complete says itself how long it can wait.
          wait = Number(node.querySelector("[data-next]")?.dataset.next) * 1000 || every;
        } else { wait = Math.min(wait * 2, 60000); }
      } catch { wait = Math.min(wait * 2, 60000); }
      window.setTimeout(tick, wait);
    };
    window.setTimeout(tick, every);
  };
  for (const node of document.querySelectorAll("[data-poll]")) poll(node);

  // Light, dark or the system's choice: at once here, kept by the server as without JavaScript.
  const theme = document.querySelector("form.theme");
  if (theme) theme.addEventListener("submit", (event) => {
    const button = event.submitter;
    if (!button) return;
    event.preventDefault();
    const body = new URLSearchParams(new FormData(theme));
    body.set("theme", button.value);
    if (button.value === "system") delete root.dataset.theme; else root.dataset.theme = button.value;
    for (const other of theme.querySelectorAll("button")) other.setAttribute("aria-pressed", String(other === button));
    fetch(theme.action, { method: "POST", body, redirect: "manual" }).catch(() => theme.submit());
  });

  // A password's length, counted while it is typed.
  for (const input of document.querySelectorAll("[data-strength]")) {
    const target = document.getElementById(input.dataset.strength);
    if (!target) continue;
    const least = Number(input.getAttribute("minlength")) || 12;
    const empty = target.textContent;
    input.addEventListener("input", () => {
      const length = [...input.value].length;
      const kinds = new Set([...input.value.toLowerCase()]).size;
      if (!length) target.textContent = empty;
      else if (length < least) target.textContent = `${length} of at least ${least} characters`;
      else if (kinds < 6) target.textContent = `${length} characters, but few different ones: easy to guess`;
      else if (length < 16) target.textContent = `${length} characters: good. Four or more words are better still`;
      else target.textContent = `${length} characters: strong`;
    });
  }
})();
