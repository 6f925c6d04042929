"use strict";
// All text reaches the page through textContent or setAttribute; names and labels never pass through
// an HTML parser.
const data = JSON.parse(document.getElementById("data").textContent);
const shards = [...document.querySelectorAll("script.shard")];
const calm = matchMedia("(prefers-reduced-motion: reduce)");
const $ = (id) => document.getElementById(id);
const number = (n) => n.toLocaleString("en");
const counted = (n, noun) => (noun ? `${number(n)} ${noun}${n === 1 ? "" : "s"}` : number(n));

function make(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [key, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (key.startsWith("on")) node.addEventListener(key.slice(2), value);
    else node.setAttribute(key, value === true ? "" : value);
  }
  node.append(...children.filter((child) => child !== null && child !== undefined && child !== ""));
  return node;
}

function draw(tag, attributes) {
  const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  return node;
}

function say(text) {
  $("status").textContent = text;
}

// Thumbnails are stored in blocks of text, each parsed when one of its thumbnails comes near the window.
const opened = new Map();
function source(index) {
  const block = Math.floor(index / data.shard);
  if (!opened.has(block)) opened.set(block, JSON.parse(shards[block].textContent));
  return opened.get(block)[index % data.shard];
}

const near = new IntersectionObserver(
  (entries) => {
    for (const entry of entries) {
      if (!entry.isIntersecting) continue;
      near.unobserve(entry.target);
      show(entry.target);
    }
  },
  { rootMargin: "600px" },
);

function show(image) {
  if (!image.getAttribute("src")) image.src = source(Number(image.dataset.index));
}

function image(index, now = false) {
  const picture = data.pictures[index];
  if (picture.why) return make("span", { class: "gone" }, picture.why);
  const node = make("img", { alt: describe(picture), decoding: "async", "data-index": index });
  if (now) show(node);
  else near.observe(node);
  return node;
}

function describe(picture) {
  const labels = picture.l && picture.l.length ? `, labelled ${picture.l.join(", ")}` : "";
  return picture.d + labels;
}

function bytes(count) {
  if (count < 1000) return `${count} B`;
  if (count < 1e6) return `${(count / 1e3).toFixed(count < 1e4 ? 1 : 0)} kB`;
  return `${(count / 1e6).toFixed(1)} MB`;
}

function facts(picture) {
  const parts = [];
  if (picture.w) parts.push(`${picture.w} × ${picture.h}`);
  if (picture.b) parts.push(bytes(picture.b));
  if (picture.q !== undefined) parts.push(`sharpness ${number(Math.round(picture.q))}`);
  return parts.join(" · ");
}

function chips(picture, against) {
  return (picture.l || []).map((label) => {
    if (!against || !against.length) return make("span", { class: "chip" }, label);
    const same = against.includes(label);
    return make("span", { class: same ? "chip yes" : "chip no" }, (same ? "= " : "≠ ") + label);
  });
}

// Marks: the images to be removed. An image may appear in several places of the page.
const marked = new Set();
let unsaved = false; // whether there are marks that have not been downloaded
const places = new Map();

function figure(index, options = {}) {
  const picture = data.pictures[index];
  const box = make("input", {
    type: "checkbox",
    tabindex: "-1",
    "aria-label": `Mark ${picture.d} for deletion`,
    onchange: () => mark(index, box.checked),
  });
  const view = make(
    "button",
    {
      type: "button",
      class: "view",
      tabindex: "-1",
      "aria-label": `Open ${describe(picture)}`,
      onclick: () => openPair(index, options.beside, view),
    },
    image(index, options.now),
  );
  view.mark = () => data.marks && mark(index, !marked.has(index));
  const node = make(
    "figure",
    { class: options.keep ? "keep" : null },
    view,
    data.marks ? make("label", { class: "tick" }, box, make("span", {}, "Delete")) : null,
    make(
      "figcaption",
      {},
      options.keep ? make("span", { class: "star" }, `★ Keep: ${options.keep} `) : null,
      options.head ? make("span", { class: "value" }, `${options.head} `) : null,
      make("span", { class: "name", title: picture.t || picture.d }, picture.d),
      ...chips(picture, options.against),
      make("div", { class: "soft" }, facts(picture)),
      picture.x ? make("div", {}, picture.x) : null,
    ),
  );
  node.paint = () => {
    box.checked = marked.has(index);
    node.classList.toggle("marked", box.checked);
  };
  if (!places.has(index)) places.set(index, []);
  places.get(index).push(node);
  node.paint();
  return node;
}

function mark(index, on) {
  markAll([index], on);
}

function markAll(indices, on) {
  for (const index of indices) {
    if (on) marked.add(index);
    else marked.delete(index);
    for (const node of places.get(index) || []) node.paint();
  }
  const count = marked.size;
  unsaved = count > 0;
  $("download").disabled = !count;
  $("download").textContent = count ? `Download decisions (${number(count)})` : "Download decisions";
  $("clear").hidden = !count;
  say(`${counted(count, "image")} marked for deletion`);
}

function decisions() {
  const names = [...marked].sort((a, b) => a - b).map((index) => {
    const picture = data.pictures[index];
    return picture.hex ? { name: picture.n, bytes_hex: picture.hex } : { name: picture.n };
  });
  return { format: "fastdup-gpu decisions 1", work_dir: data.work_dir, delete: names };
}

function download() {
  const text = JSON.stringify(decisions(), null, 2) + "\n";
  const url = URL.createObjectURL(new Blob([text], { type: "application/json" }));
  const link = make("a", { href: url, download: "decisions.json" });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(url), 10000);
  unsaved = false;
  say(`decisions.json lists ${counted(marked.size, "image")}`);
}
