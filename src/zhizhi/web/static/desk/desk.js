// What pages do beyond links and forms. Every page works without this file; it only makes it quicker.

const said = (name, params = {}) =>
  Object.entries(params).reduce((text, [key, value]) => text.replace(`{${key}}`, value), document.body.dataset[name] ?? "");

function toast(text) {
  document.querySelector(".toast")?.remove();
  const box = Object.assign(document.createElement("div"), { className: "toast", textContent: text });
  box.setAttribute("role", "status");
  document.body.append(box);
  setTimeout(() => box.remove(), 6000);
}

// Text size: one tap, remembered for a year in a cookie, so that the server already draws the page right.
document.addEventListener("click", (event) => {
  const toggle = event.target.closest("[data-text-size]");
  if (!toggle) return;
  event.preventDefault();
  const large = document.documentElement.dataset.text !== "large";
  document.documentElement.dataset.text = large ? "large" : "normal";
  document.cookie = `text=${large ? "large" : "normal"}; path=/; max-age=31536000; samesite=lax`;
  toggle.setAttribute("aria-pressed", String(large));
  toggle.href = `?text=${large ? "normal" : "large"}`;
  window.dispatchEvent(new Event("resize"));
});

// Menus close on Escape and on a click elsewhere.
document.addEventListener("click", (event) => {
  for (const menu of document.querySelectorAll("details[data-menu][open]")) if (!menu.contains(event.target)) menu.open = false;
});
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  const menu = document.querySelector("details[data-menu][open]");
  if (menu) {
    menu.open = false;
    menu.querySelector("summary").focus();
  }
});

// Keyboard of lists: j and k move, o opens, / searches. Never while typing, never with a modifier.
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
  if (event.target.closest("input, textarea, select, [contenteditable]")) return;
  if (event.key === "/") {
    const search = document.querySelector("main [data-search]") ?? document.querySelector("[data-search]");
    if (search?.offsetParent) {
      event.preventDefault();
      search.focus();
      search.select();
    }
    return;
  }
  if (!["j", "k", "o"].includes(event.key)) return;
  const rows = [...document.querySelectorAll("[data-row]")].filter((row) => row.offsetParent);
  if (!rows.length) return;
  const at = rows.findIndex((row) => row.classList.contains("here") || row.contains(document.activeElement));
  if (event.key === "o") {
    if (at >= 0) rows[at].querySelector("a[data-open], a[href]")?.click();
    return;
  }
  const next = rows[Math.min(rows.length - 1, Math.max(0, at + (event.key === "j" ? 1 : -1)))];
  for (const row of rows) row.classList.toggle("here", row === next);
  next.querySelector("a[data-open], a[href]")?.focus({ preventScroll: true });
  next.scrollIntoView({ block: "nearest" });
});

// Forms: ask first, send once.
document.addEventListener("submit", (event) => {
  const form = event.target;
  const question = event.submitter?.dataset.confirm ?? form.dataset.confirm;
  if (question && !window.confirm(question)) {
    event.preventDefault();
    return;
  }
  if (!("once" in form.dataset)) return;
  if (form.dataset.sent) {
    event.preventDefault();
    return;
  }
  if (!navigator.onLine && form.dataset.draft) {
    event.preventDefault();
    keepDraft(form);
    toast(said("offline"));
    return;
  }
  form.dataset.sent = "yes";
  const button = event.submitter;
  if (button) {
    // Disabled only after the form has taken the button's own name and value with it.
    setTimeout(() => {
      button.setAttribute("aria-disabled", "true");
      button.dataset.word = button.textContent;
    });
  }
});
window.addEventListener("pageshow", () => {
  for (const form of document.querySelectorAll("form[data-sent]")) {
    delete form.dataset.sent;
    for (const button of form.querySelectorAll("[aria-disabled]")) button.removeAttribute("aria-disabled");
  }
});

// Drafts: what is typed stays in this browser, under the reader's own number, until the form was accepted.
const draftKey = (form) => `zhizhi-draft:${document.body.dataset.owner}:${form.dataset.draft}`;
const SENT = "zhizhi-draft-sent";
const NEVER = ["password", "file", "hidden", "submit", "button"];

function draftOf(form) {
  const values = {};
  for (const control of form.elements) {
    if (!control.name || NEVER.includes(control.type)) continue;
    if (["checkbox", "radio"].includes(control.type)) {
      values[control.name] ??= [];
      if (control.checked) values[control.name].push(control.value);
    } else values[control.name] = control.value;
  }
  return values;
}

function keepDraft(form) {
  try {
    localStorage.setItem(draftKey(form), JSON.stringify({ at: new Date().toISOString(), values: draftOf(form) }));
  } catch {
    // A full or forbidden store costs the draft, never the form.
  }
}

function fillDraft(form, values) {
  for (const control of form.elements) {
    if (!(control.name in values) || NEVER.includes(control.type)) continue;
    const value = values[control.name];
    if (Array.isArray(value)) control.checked = value.includes(control.value);
    else control.value = value;
    control.dispatchEvent(new Event("input", { bubbles: true }));
  }
}

function offerDraft(form) {
  let kept;
  try {
    kept = JSON.parse(localStorage.getItem(draftKey(form)) ?? "null");
  } catch {
    kept = null;
  }
  if (!kept || JSON.stringify(kept.values) === JSON.stringify(draftOf(form))) return;
  const note = document.createElement("div");
  note.className = "note attention";
  note.setAttribute("role", "status");
  const inside = document.createElement("div");
  const text = document.createElement("p");
  text.textContent = said("draftFound", { when: kept.at.slice(0, 16).replace("T", " ") });
  const buttons = Object.assign(document.createElement("div"), { className: "row" });
  const restore = Object.assign(document.createElement("button"), { type: "button", className: "button small", textContent: said("draftRestore") });
  const drop = Object.assign(document.createElement("button"), { type: "button", className: "button quiet small", textContent: said("draftDrop") });
  restore.addEventListener("click", () => (fillDraft(form, kept.values), followWhen(form), note.remove()));
  drop.addEventListener("click", () => (localStorage.removeItem(draftKey(form)), note.remove()));
  buttons.append(restore, drop);
  inside.append(text, buttons);
  note.append(inside);
  form.before(note);
}

function followDrafts(root) {
  for (const form of root.querySelectorAll("form[data-draft]")) {
    if (form.dataset.followed) continue;
    form.dataset.followed = "yes";
    offerDraft(form);
    let waiting;
    form.addEventListener("input", () => {
      clearTimeout(waiting);
      waiting = setTimeout(() => keepDraft(form), 400);
    });
    form.addEventListener("submit", (event) => {
      clearTimeout(waiting);
      if (event.defaultPrevented) return;
      keepDraft(form);
      sessionStorage.setItem(SENT, draftKey(form));
    });
  }
}

// The draft of a form that was sent goes as soon as the next page comes without that form's errors.
function forgetSent() {
  const key = sessionStorage.getItem(SENT);
  if (!key) return;
  sessionStorage.removeItem(SENT);
  const refused = document.querySelector(".error-summary, [data-error], body.plain");
  if (!refused) localStorage.removeItem(key);
}

// On a phone a long row of filters stands between the reader and the list: it folds behind one button.
for (const form of document.querySelectorAll("main form.filters")) {
  if (form.querySelectorAll(".field").length < 3) continue;
  const fold = Object.assign(document.createElement("button"), { type: "button", className: "button filters-fold", textContent: said("filter") });
  fold.setAttribute("aria-expanded", "false");
  form.classList.add("folded");
  fold.addEventListener("click", () => fold.setAttribute("aria-expanded", String(!form.classList.toggle("folded"))));
  form.before(fold);
}

// Copy and print.
document.addEventListener("click", async (event) => {
  const copy = event.target.closest("[data-copy]");
  if (copy) {
    await navigator.clipboard?.writeText(copy.dataset.copy);
    toast(said("copied"));
  }
  if (event.target.closest("[data-print]")) window.print();
});

// Questions that only arise after an answer: shown always without this file, and only then with it.
function followWhen(form) {
  for (const part of form.querySelectorAll("[data-when]")) {
    const [name, answers] = part.dataset.when.split("=");
    const given = [...form.querySelectorAll(`[name="${name}"]:checked, select[name="${name}"]`)].map((box) => box.value);
    part.hidden = !given.some((value) => answers.split(",").includes(value));
  }
}
document.addEventListener("change", (event) => event.target.form && followWhen(event.target.form));
for (const form of document.forms) followWhen(form);

// Choose all rows of a page.
document.addEventListener("change", (event) => {
  const all = event.target.closest("[data-choose-all]");
  if (!all) return;
  for (const box of document.querySelectorAll(`input[type="checkbox"][name="${all.dataset.chooseAll}"]`)) box.checked = all.checked;
});

// htmx: the CSRF token goes in a header; a failed update says so.
document.addEventListener("htmx:configRequest", (event) => {
  if (document.body.dataset.csrf) event.detail.headers["X-CSRFToken"] = document.body.dataset.csrf;
});
for (const name of ["htmx:responseError", "htmx:sendError"])
  document.addEventListener(name, (event) => toast(said("networkFault", { reason: event.detail.xhr?.status || "offline" })));
document.addEventListener("htmx:load", (event) => followDrafts(event.detail.elt));

forgetSent();
followDrafts(document);
document.querySelector("[data-focus]")?.focus();
if (document.querySelector(".error-summary")) document.title = `⚠ ${document.title}`;
