// What pages do beyond links and forms: dialogs, one request a click, toasts, keys.

// By itself htmx listens a timer after the page is there: who is faster would open an empty dialog.
globalThis.htmx?.process(document.body);

// A form that is on its way is not sent again, however often somebody clicks.
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.method === "dialog") return;
  if (form.ariaBusy === "true") {
    event.preventDefault();
    event.stopImmediatePropagation();
    return;
  }
  form.ariaBusy = "true";
  event.submitter?.classList.add("working");
}, true);
const free = (form) => {
  form.ariaBusy = null;
  form.querySelectorAll(".working").forEach((button) => button.classList.remove("working"));
};
document.addEventListener("htmx:finally:request", () => {
  document.querySelectorAll("form[aria-busy]").forEach(free);
});
// The browser shows a page again as it was left: with its forms on their way.
window.addEventListener("pageshow", (event) => {
  if (event.persisted) document.querySelectorAll("form[aria-busy]").forEach(free);
});

document.addEventListener("click", (event) => {
  const opener = event.target.closest("[data-opens]");
  const dialog = opener && document.getElementById(opener.dataset.opens);
  if (dialog) {
    event.preventDefault();
    dialog.showModal();
  }
  const closer = event.target.closest("[data-closes]");
  if (closer) closer.closest(closer.dataset.closes).remove();
  const copier = event.target.closest("[data-copies]");
  if (copier) navigator.clipboard?.writeText(document.getElementById(copier.dataset.copies).textContent)
    .then(() => { copier.textContent = "Copied"; });
});
// What a dialog asked for is on its way: the page shows the rest.
document.addEventListener("submit", (event) => {
  if (event.target.method !== "dialog") event.target.closest("dialog")?.close();
});

// Who picks some of a list means only these.
document.addEventListener("change", (event) => {
  const only = event.target.matches(".pick input") && event.target.form.querySelector("[name=which][value=some]");
  if (only) only.checked = true;
});

// A message of what was done goes by itself; one of what was refused stays.
const toasts = document.getElementById("toasts");
const fade = () => toasts.querySelectorAll(".success:not([data-seen])").forEach((toast) => {
  toast.dataset.seen = "";
  setTimeout(() => toast.remove(), 8000);
});
// A part that asks every 2 s is refused every 2 s: it is told once.
const once = (changes) => changes.flatMap((change) => [...change.addedNodes]).forEach((fresh) => {
  [...toasts.children].forEach((toast) => {
    if (toast !== fresh && toast.textContent === fresh.textContent) toast.remove();
  });
});
if (toasts) {
  fade();
  new MutationObserver((changes) => {
    once(changes);
    fade();
  }).observe(toasts, { childList: true });
}

// Keys: the dialog that ? opens names them; who switched them off has none.
const click = (selector) => document.querySelector(selector)?.click();
const step = (by) => {
  const rows = [...document.querySelectorAll("tbody tr")].filter((row) => row.querySelector("a"));
  const at = rows.findIndex((row) => row.contains(document.activeElement));
  rows[Math.min(Math.max(at + by, 0), rows.length - 1)]?.querySelector("a").focus();
};
const KEYS = {
  "/": () => document.querySelector("input[type=search]")?.focus(),
  "?": () => document.getElementById("keys")?.showModal(),
  j: () => step(1),
  k: () => step(-1),
  x: () => document.activeElement.closest("tr")?.querySelector("[type=checkbox]")?.click(),
  p: () => click("#steer"),
  r: () => click("#retry-form button"),
};
const PLACES = { p: "projects", r: "runs", q: "queue" };
let goes = false;
document.addEventListener("keydown", (event) => {
  const { key, target } = event;
  if (key === "Escape") document.querySelectorAll("details.menu[open]").forEach((menu) => {
    menu.open = false;
    menu.querySelector("summary").focus();
  });
  if ((event.ctrlKey || event.metaKey) && key === "k") {
    event.preventDefault();
    click("[data-opens=find]");
  }
  if (event.ctrlKey || event.metaKey || event.altKey || (event.repeat && !"jk".includes(key))
    || target.matches("input, textarea, select, [contenteditable]")
    || document.querySelector("dialog[open]") || document.documentElement.dataset.keys === "off") return;
  const act = goes && PLACES[key] ? () => click(`.top nav a[href$="/${PLACES[key]}/"]`) : KEYS[key];
  goes = key === "g";
  if (act) {
    event.preventDefault();
    act();
  }
});
document.addEventListener("click", (event) => {
  document.querySelectorAll("details.menu[open]").forEach((menu) => {
    if (!menu.contains(event.target)) menu.open = false;
  });
});

// A file that is dropped on a form with a place for one is as good as chosen there.
const place = (event) => event.target.closest?.("form[data-drop]");
document.addEventListener("dragover", (event) => {
  if (!place(event) || !event.dataTransfer.types.includes("Files")) return;
  event.preventDefault();
  place(event).classList.add("over");
});
document.addEventListener("dragleave", (event) => place(event)?.classList.remove("over"));
document.addEventListener("drop", (event) => {
  const form = place(event);
  if (!form || !event.dataTransfer.files.length) return;
  event.preventDefault();
  form.classList.remove("over");
  form.querySelector("[type=file]").files = event.dataTransfer.files;
  form.requestSubmit();
});
