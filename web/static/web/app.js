// What pages do beyond links and forms: dialogs, one request a click, toasts, keys.

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

const typing = (element) => element.matches("input, textarea, select, [contenteditable]");
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") document.querySelectorAll("details.menu[open]").forEach((menu) => {
    menu.open = false;
    menu.querySelector("summary").focus();
  });
  if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey || typing(event.target)) return;
  const search = document.querySelector("input[type=search]");
  if (search) {
    event.preventDefault();
    search.focus();
  }
});
document.addEventListener("click", (event) => {
  document.querySelectorAll("details.menu[open]").forEach((menu) => {
    if (!menu.contains(event.target)) menu.open = false;
  });
});
