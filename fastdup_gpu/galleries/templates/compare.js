// One or two images in a dialog: side by side, alternating, or their difference.
const dialog = $("compare");
const stage = dialog.querySelector(".stage");
const hints = {
  side: "Space marks the image in focus; ← and → show the previous and the next entry.",
  flicker: "The two images alternate in the same place, so that differences seem to move.",
  difference: "Black where both are the same; differences are brightened.",
};
let current = null;
let mode = "side";
let timer = null;

function openPair(index, beside, from) {
  current = { index, beside, from: from || document.activeElement };
  if (beside === undefined && mode !== "side") mode = "side";
  if (!dialog.open) dialog.showModal();
  render();
}

function render() {
  clearInterval(timer);
  const { index, beside } = current;
  const single = beside === undefined || beside === index;
  const shown = single ? "side" : mode;
  dialog.querySelector(".modes").hidden = single;
  for (const button of dialog.querySelectorAll(".modes button")) {
    button.setAttribute("aria-pressed", String(button.dataset.mode === shown));
  }
  $("compare-title").textContent = single ? data.pictures[index].d : "Compare";
  for (const list of places.values()) {
    for (let i = list.length - 1; i >= 0; i--) if (stage.contains(list[i])) list.splice(i, 1);
  }
  stage.className = `stage ${shown}`;
  dialog.querySelector(".hint").textContent = single ? "Space marks the image." : hints[shown];
  stage.replaceChildren(...(shown === "side" ? sides(index, single ? undefined : beside) : overlay(index, beside, shown)));
}

function sides(index, beside) {
  const both = beside === undefined ? [index] : [index, beside];
  return both.map((one) => {
    const node = figure(one, { now: true, against: one === beside ? data.pictures[index].l : null });
    const view = node.querySelector(".view");
    view.replaceWith(make("div", { class: "view" }, ...view.childNodes));
    const box = node.querySelector("input");
    box.tabIndex = 0;
    return node;
  });
}

function overlay(index, beside, shown) {
  const pictures = [index, beside].map((i) => data.pictures[i]);
  const layers = [index, beside].map((i) => image(i, true));
  const box = make("div", { class: "over" }, ...layers);
  const names = pictures.map((picture) => make("span", {}, picture.d));
  const under = make("div", { class: "under" }, ...names);
  if (shown === "difference") return [box, under];
  let turn = 0;
  const swap = () => {
    turn = 1 - turn;
    layers.forEach((layer, i) => (layer.hidden = i !== turn));
    names.forEach((name, i) => name.classList.toggle("now", i === turn));
  };
  const play = make("button", { type: "button", class: "play" });
  const run = (on) => {
    clearInterval(timer);
    timer = on ? setInterval(swap, 600) : null;
    play.textContent = on ? "Pause" : "Play";
  };
  play.addEventListener("click", () => run(!timer));
  const step = make("button", { type: "button", class: "swap", onclick: () => (run(false), swap()) }, "Swap");
  swap();
  run(!calm.matches);
  return [box, under, make("p", {}, play, " ", step)];
}

function setMode(wanted) {
  if (current.beside === undefined) return;
  mode = wanted;
  render();
}

// The next entry of the list that the dialog was opened from.
function step(by) {
  const list = current.from.closest(".blocks") || current.from.closest(".list");
  if (!list) return;
  const cards = [...list.querySelectorAll(".card")];
  const here = cards.indexOf(current.from.closest(".card"));
  const all = current.beside === undefined || current.from.closest(".pairs");
  const next = all
    ? cards[here + by]?.querySelector(".view")
    : [...list.querySelectorAll(".view")][[...list.querySelectorAll(".view")].indexOf(current.from) + by];
  if (next) next.click();
}

for (const button of dialog.querySelectorAll(".modes button")) {
  button.addEventListener("click", () => setMode(button.dataset.mode));
}
$("previous").addEventListener("click", () => step(-1));
$("next").addEventListener("click", () => step(1));
$("close").addEventListener("click", () => dialog.close());
dialog.addEventListener("click", (event) => {
  if (event.target === dialog) dialog.close();
});
dialog.addEventListener("close", () => {
  clearInterval(timer);
  if (current.from.isConnected) current.from.focus();
});
dialog.addEventListener("keydown", (event) => {
  const keys = { 1: "side", 2: "flicker", 3: "difference" };
  if (keys[event.key]) setMode(keys[event.key]);
  else if (event.key === "ArrowRight") step(1);
  else if (event.key === "ArrowLeft") step(-1);
  else if (event.key === " " && event.target.type !== "checkbox" && event.target.tagName !== "BUTTON") {
    event.preventDefault();
    mark(current.index, !marked.has(current.index));
  } else return;
  event.stopPropagation();
});
