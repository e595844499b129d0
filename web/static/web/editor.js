// An editor saves by itself what was changed: a moment after a field was left, or while nobody types.
// What was refused is told beside the button; where somebody else changed it, people decide.
const LEFT = 300, TYPED = 4000;
let due = null, saving = null, sends = false;

const form = document.querySelector("form[data-autosave]");
const tell = (text) => { form.querySelector("[data-saved]").textContent = text; };

// What the answer shows anew, around the form: whoever types in it goes on.
const PARTS = [".head", ".reading", "#history"];

const taken = (page) => {
  form.elements.version.value = page.querySelector("form.editing").elements.version.value;
  PARTS.forEach((part) => document.querySelector(`main > ${part}, main > .split > ${part}`)
    .replaceWith(page.querySelector(`main > ${part}, main > .split > ${part}`)));
  tell("Saved.");
};

const conflict = (page) => {
  sends = false;
  delete form.dataset.autosave;
  form.elements.version.value = page.querySelector("form.editing").elements.version.value;
  document.querySelector("main > .split").before(page.getElementById("conflict"));
  form.querySelector(".actions").replaceWith(page.querySelector("form.editing > .actions"));
};

const why = (page) => [...page.querySelectorAll(page.querySelector(".problem") ? ".problem :is(p, li)" : "h1")]
  .map((each) => each.textContent.trim()).join(" ");

const answered = (answer, page) => {
  if (answer.ok && page.querySelector("form.editing")) taken(page);
  else if (answer.status === 409 && page.getElementById("conflict")) conflict(page);
  else tell(`Not saved: ${why(page)}`);
};

const save = async () => {
  clearTimeout(due);
  due = null;
  if (!("autosave" in form.dataset) || form.ariaBusy === "true") return;
  if (saving) return soon(LEFT);
  if (!form.checkValidity()) return tell("Not saved yet: something is missing.");
  tell("Saving…");
  saving = fetch(form.action, { method: "POST", body: new FormData(form) });
  try {
    const answer = await saving;
    answered(answer, new DOMParser().parseFromString(await answer.text(), "text/html"));
  } catch {
    tell("Not saved: the server cannot be reached.");
  } finally {
    saving = null;
  }
  if (sends) form.requestSubmit();
};

const soon = (wait) => {
  clearTimeout(due);
  due = setTimeout(save, wait);
};

form?.addEventListener("change", () => soon(LEFT));
form?.addEventListener("input", () => soon(TYPED));
// The button sends what stands there; a save that is on its way comes first, with the version.
form?.addEventListener("submit", (event) => {
  clearTimeout(due);
  due = null;
  if (!saving) return;
  event.preventDefault();
  form.ariaBusy = null;
  sends = true;
});
// Whoever leaves takes nothing along that was not saved.
window.addEventListener("pagehide", () => {
  if (due && form.ariaBusy !== "true" && form.checkValidity()) {
    fetch(form.action, { method: "POST", body: new FormData(form), keepalive: true });
  }
});
