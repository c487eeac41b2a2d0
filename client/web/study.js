// @ts-check
// A sitting: one card after another. What a key does is said by the table that the program serves.
import * as api from "./api.js";

/** @param {string} id @returns {any} */
const at = (id) => document.getElementById(id);
const GRADES = ["Again", "Hard", "Good", "Easy"];

let state = /** @type {any} */ (null);
let shown = false;
let busy = false;
let begun = 0;
let difficulty = /** @type {number | null} */ (null);
let actions = new Map();

/** @param {string} text */
const news = (text) => { at("news").textContent = text; };

/** @param {string} id */
function only(id) {
  for (const other of ["decks", "card", "done"]) at(other).hidden = other !== id;
  at("trouble").hidden = true;
}

/** @param {any} item */
function element(item) {
  if (item.type === "text") {
    const box = document.createElement("div");
    // Made by the program from Markdown: HTML in a card is shown as letters, and the policy of the page runs no script in it.
    box.innerHTML = item.html;
    return box;
  }
  if (item.type === "image") {
    const image = document.createElement("img");
    Object.assign(image, { src: item.url, alt: item.alt ?? "", width: item.width_px, height: item.height_px });
    return image;
  }
  if (item.type === "audio") {
    const audio = document.createElement("audio");
    Object.assign(audio, { src: item.url, controls: true });
    audio.setAttribute("aria-label", item.alt || "Sound");
    return audio;
  }
  return document.createTextNode("An item of a later version of MemoryVault.");
}

/** @param {number | null} days */
function interval(days) {
  if (days === null) return "done";
  if (days <= 0) return "today";
  if (days <= 30) return `${days} d`;
  if (days < 365) return `${Math.round(days / 30)} mo`;
  return `${(days / 365).toFixed(1)} y`;
}

/** @param {string} label @param {() => void} deed @param {string} [below] */
function button(label, deed, below) {
  const made = document.createElement("button");
  made.type = "button";
  made.textContent = label;
  if (below) made.append(Object.assign(document.createElement("small"), { textContent: below }));
  made.addEventListener("click", deed);
  return made;
}

function draw() {
  const counts = state.counts;
  at("counts").textContent = `${counts.new} new, ${counts.learning} again, ${counts.due} due`;
  shown = false;
  difficulty = null;
  if (!state.card) {
    only("done");
    at("buttons").replaceChildren();
    at("done-title").focus();
    return;
  }
  only("card");
  at("deck-name").textContent = state.card.deck_name + (state.card.flag ? " *" : "");
  at("front").replaceChildren(...state.front.map(element));
  at("back").hidden = true;
  at("back").replaceChildren();
  at("typing").hidden = !state.card.typed;
  at("typed").value = "";
  const show = button("Show answer", reveal);
  show.className = "main";
  at("buttons").replaceChildren(show);
  if (state.card.typed) at("typed").focus();
  else show.focus();
  play("front");
  begun = performance.now();
}

/** @param {string} side */
function play(side) {
  // A refused autoplay leaves the controls on the screen.
  at(side).querySelector("audio")?.play().catch(() => {});
}

function reveal() {
  if (shown || !state?.card) return;
  shown = true;
  at("typing").hidden = true;
  const back = at("back");
  back.replaceChildren(...state.back.map(element));
  if (state.card.typed && at("typed").value.trim()) {
    const yours = document.createElement("p");
    const right = at("typed").value.trim().normalize() === state.card.typed.trim().normalize();
    yours.textContent = `${right ? "Right" : "You typed"}: ${at("typed").value.trim()}`;
    back.prepend(yours);
  }
  back.hidden = false;
  at("buttons").replaceChildren(...GRADES.map((name, number) => {
    const preview = state.previews[number];
    return button(`${number + 1} ${name}`, () => grade(number + 1), preview && interval(preview.days));
  }));
  back.focus();
  play("back");
}

/** @param {() => Promise<any>} call @param {(next: any) => string} words */
async function change(call, words) {
  if (busy) return;
  busy = true;
  try {
    state = await call();
    news(words(state));
    draw();
  } catch (error) {
    if (error instanceof api.Failed && error.code === "went_on") {
      state = await api.present();
      draw();
      news("Another tab or device went on; this is the card now.");
    } else {
      trouble(error);
    }
  } finally {
    busy = false;
  }
}

/** @param {number} number */
function grade(number) {
  const card = state.card.id;
  change(() => api.answer(card, number, performance.now() - begun, difficulty), (next) => {
    const done = next.reviewed;
    return `${GRADES[number - 1]}. Box ${done.box}, due ${done.due_day ?? "now"}.`;
  });
}

/** @param {string} name @param {string} words */
function step(name, words) {
  const card = state?.card?.id ?? "00000000-0000-0000-0000-000000000000";
  change(() => api.step(name, card), () => words);
}

/** @param {unknown} error */
function trouble(error) {
  at("trouble").hidden = false;
  at("trouble").textContent = error instanceof Error ? error.message : String(error);
}

const deeds = {
  show: () => (shown ? grade(3) : reveal()),
  again: () => shown && grade(1),
  hard: () => shown && grade(2),
  good: () => shown && grade(3),
  easy: () => shown && grade(4),
  undo: () => step("undo", "Taken back."),
  bury: () => step("bury", "Put off until tomorrow."),
  suspend: () => step("suspend", "Suspended."),
  mark: () => step("mark", "Mark changed."),
  replay: () => play(shown ? "back" : "front"),
  help: () => at("help").showModal(),
  quit: () => decks(),
};

/** @param {KeyboardEvent} event */
function onKey(event) {
  const target = /** @type {HTMLElement} */ (event.target);
  if (event.key === "Escape" && target === at("typed")) {
    // Leaves the line to the keys of the page.
    target.blur();
    return;
  }
  // A key that is held does not grade; keys of inputs, of other programs and of half a letter are theirs.
  if (event.repeat || event.isComposing || event.altKey || at("help").open || target.matches("input, textarea, audio")) return;
  const undo = (event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "z";
  if ((event.ctrlKey || event.metaKey) && !undo) return;
  const level = event.shiftKey && /^Digit[1-5]$/.test(event.code) ? Number(event.code.slice(5)) : null;
  if (level !== null && !at("card").hidden) {
    difficulty = level;
    news(`Difficulty ${level}; now the grade.`);
    event.preventDefault();
    return;
  }
  // Enter and Space on a button are the button's.
  if (target.matches("button") && [" ", "Enter"].includes(event.key) && !target.closest("footer")) return;
  const name = undo ? "Ctrl+Z" : event.key === " " ? "Space" : event.key === "Escape" ? "Esc" : event.key;
  const deed = /** @type {any} */ (deeds)[actions.get(name)];
  if (!deed || at("decks").hidden === false) return;
  event.preventDefault();
  deed();
}

async function decks() {
  only("decks");
  at("buttons").replaceChildren();
  at("counts").textContent = "";
  try {
    const list = await api.decks();
    at("deck-list").replaceChildren(...list.map((/** @type {any} */ deck) => {
      const item = document.createElement("li");
      const below = deck.with_subdecks;
      item.append(button(deck.name, () => begin([deck.id]), `${below.new} new, ${below.due} due`));
      return item;
    }));
    if (list.length === 0) {
      at("deck-list").replaceChildren(Object.assign(document.createElement("li"), { textContent: "There is no deck yet: memoryvault deck add NAME" }));
    }
  } catch (error) {
    trouble(error);
  }
}

/** @param {string[]} chosen */
function begin(chosen) {
  change(() => api.begin({ decks: chosen }), () => "");
}

async function start() {
  at("study-all").addEventListener("click", () => begin([]));
  at("again").addEventListener("click", decks);
  at("help-button").addEventListener("click", deeds.help);
  at("close-help").addEventListener("click", () => at("help").close());
  at("typing").addEventListener("submit", (/** @type {Event} */ event) => { event.preventDefault(); reveal(); });
  document.addEventListener("keydown", onKey);
  try {
    for (const row of await api.keys()) {
      for (const key of row.keys) actions.set(key, row.action);
      if (!(row.action in deeds) && row.action !== "difficulty") continue;
      const term = document.createElement("dt");
      for (const key of row.action === "difficulty" ? ["Shift+1..5"] : row.keys) {
        term.append(Object.assign(document.createElement("kbd"), { textContent: key }), " ");
      }
      const words = row.action === "difficulty" ? "how hard it was, before the grade" : row.words;
      at("keys").append(term, Object.assign(document.createElement("dd"), { textContent: words }));
    }
    state = await api.present();
    if (state?.card) draw();
    else await decks();
  } catch (error) {
    trouble(error);
  }
}

start();
