// One function for each kind of entry; a view lists entries of one kind.

function head(item, ...rest) {
  return make(
    "div",
    { class: "head" },
    item.title ? make("h3", {}, item.title) : null,
    item.value ? make("span", { class: "value" }, item.value) : null,
    item.sub ? make("span", { class: "soft" }, item.sub) : null,
    ...(item.chips || []).map(([label, count]) =>
      make("span", { class: "chip" }, count > 1 ? `${label} × ${number(count)}` : label),
    ),
    ...rest,
  );
}

const entries = {
  pairs(item) {
    const [a, b] = item.p;
    const labels = [a, b].map((index) => data.pictures[index].l);
    const compare = make(
      "button",
      { type: "button", class: "end", onclick: () => openPair(a, b, compare) },
      "Compare",
    );
    const sides = item.p.map((index, i) =>
      figure(index, {
        beside: item.p[1 - i],
        keep: item.keep === index ? item.why : null,
        head: item.roles && item.roles[i],
        against: i && labels[0],
      }),
    );
    return make("article", { class: "card" }, head(item, compare), make("div", { class: "two" }, ...sides));
  },
  groups(item) {
    const rest = item.drop || [];
    const all = make(
      "button",
      { type: "button", class: "end", onclick: () => markAll(rest, !rest.every((i) => marked.has(i))) },
      "Mark all except the starred",
    );
    const keeper = item.keep ?? item.p[0];
    const members = item.p.map((index, i) =>
      figure(index, {
        beside: index === keeper ? item.p.find((other) => other !== index) : keeper,
        keep: item.keep === index ? item.why : null,
        head: item.heads && item.heads[i],
      }),
    );
    const more = item.more ? make("p", { class: "soft" }, `and ${number(item.more)} more ${item.more === 1 ? "image" : "images"}`) : null;
    const size = item.p.length > 3 ? "card wide" : "card";
    return make("article", { class: size }, head(item, rest.length ? all : null), make("div", { class: "grid" }, ...members), more);
  },
  cards(item) {
    return make("article", { class: "card" }, head(item), figure(item.p[0], {}));
  },
  rows(item) {
    const [query, ...others] = item.p;
    const own = data.pictures[query].l;
    const found = others.map((index, i) =>
      figure(index, { beside: query, head: item.heads[i], against: own }),
    );
    return make(
      "article",
      { class: others.length > 4 ? "card wide" : "card" },
      head(item),
      make(
        "div",
        { class: "row" },
        make("div", { class: "query" }, figure(query, { beside: others[0] })),
        make("div", { class: "grid" }, ...found),
      ),
    );
  },
};

function words(item) {
  const texts = item.p.flatMap((i) => [data.pictures[i].d, data.pictures[i].t || "", ...(data.pictures[i].l || [])]);
  return [...texts, item.title || "", ...(item.chips || []).map((chip) => chip[0])].join("\n").toLowerCase();
}

function listing(view, panel) {
  const state = { passes: [], text: "", counts: "" };
  state.wants = (item) =>
    state.passes.every((pass) => pass(item)) && (!state.text || (item.words ??= words(item)).includes(state.text));
  const bar = toolbar(view, state);
  const list = blocks(view.kind);
  const empty = make("p", { class: "empty" });
  const nodes = [];
  const counts = bar.querySelector(".counts");
  state.apply = () => {
    const wanted = view.items.map((item) => state.wants(item));
    const shown = wanted.filter(Boolean).length;
    list.fill(nodes.filter((_, i) => wanted[i]));
    const part = `${number(shown)} ${shown === 1 ? view.noun[0] : view.noun[1]} shown`;
    counts.replaceChildren(state.counts ? make("b", {}, state.counts) : "", state.counts ? ` · ${part}` : part);
    empty.hidden = shown > 0;
    empty.textContent = view.items.length ? "Nothing in the list matches; widen the range or the search." : view.empty;
  };
  // Thousands of entries are built in small steps, so that the page responds from the start.
  const build = () => {
    const until = Math.min(view.items.length, nodes.length + (nodes.length ? 40 : 16));
    const fresh = [];
    for (let i = nodes.length; i < until; i++) {
      const node = entries[view.kind](view.items[i]);
      nodes.push(node);
      if (state.wants(view.items[i])) fresh.push(node);
    }
    list.add(fresh);
    if (nodes.length < view.items.length) setTimeout(build);
    else list.setAttribute("data-ready", "");
  };
  panel.append(bar, list, empty);
  state.apply();
  build();
  rove(list);
}

// Entries are in blocks of whole rows; the browser lays out and paints only those near the window.
function blocks(kind) {
  const list = make("div", { class: "blocks" });
  let [columns, tall] = [0, 0];
  const open = () => {
    const block = make("div", { class: `list ${kind}` });
    list.append(block);
    return block;
  };
  const count = () => getComputedStyle(list.lastChild || open()).gridTemplateColumns.split(" ").length;
  list.add = (entries) => {
    columns ||= count();
    const size = columns * Math.ceil(48 / columns);
    let block = list.lastChild || open();
    for (const entry of entries) {
      if (block.childElementCount >= size) block = open();
      block.append(entry);
    }
    if (!tall && block !== list.firstChild) {
      tall = list.firstChild.offsetHeight;
      list.style.setProperty("--block", `${tall}px`);
    }
    tabStop(list);
  };
  list.fill = (entries) => {
    list.replaceChildren();
    list.add(entries);
  };
  new ResizeObserver(() => {
    if (!list.offsetWidth || count() === columns) return;
    columns = count();
    list.fill([...list.children].flatMap((block) => [...block.children]));
  }).observe(list);
  return list;
}

function tabStop(list) {
  const first = list.querySelector(".view");
  if (first && !list.querySelector('.view[tabindex="0"]')) first.tabIndex = 0;
}

// Tab reaches one image of a list; the arrow keys move on from there.
function rove(list) {
  tabStop(list);
  list.addEventListener("focusin", (event) => {
    if (!event.target.classList.contains("view")) return;
    for (const other of list.querySelectorAll('.view[tabindex="0"]')) other.tabIndex = -1;
    event.target.tabIndex = 0;
  });
  list.addEventListener("keydown", (event) => {
    const view = event.target;
    if (!view.classList.contains("view")) return;
    if (event.key === " ") {
      event.preventDefault();
      view.mark();
    } else if (event.key.startsWith("Arrow")) {
      const next = neighbour(list, view, event.key);
      if (!next) return;
      event.preventDefault();
      next.focus();
      next.scrollIntoView({ block: "nearest", behavior: calm.matches ? "auto" : "smooth" });
    }
  });
}

function neighbour(list, view, key) {
  const all = [...list.querySelectorAll(".view")];
  const here = all.indexOf(view);
  if (key === "ArrowRight") return all[here + 1];
  if (key === "ArrowLeft") return all[here - 1];
  const down = key === "ArrowDown";
  const box = view.getBoundingClientRect();
  const middle = box.left + box.width / 2;
  const part = down ? all.slice(here + 1, here + 60) : all.slice(Math.max(0, here - 60), here).reverse();
  let best = null;
  let row = null;
  for (const other of part) {
    const place = other.getBoundingClientRect();
    if (down ? place.top < box.bottom - 4 : place.bottom > box.top + 4) continue;
    if (row !== null && Math.abs(place.top - row) > place.height) break;
    row ??= place.top;
    const away = Math.abs(place.left + place.width / 2 - middle);
    if (!best || away < best.away) best = { away, other };
  }
  return best && best.other;
}

function overview(view, panel) {
  const cards = view.cards.map((card) => {
    const inner = [make("span", { class: "soft" }, card.label), make("b", {}, card.value)];
    if (card.note) inner.push(make("span", { class: "soft" }, card.note));
    if (card.share !== undefined) {
      const bar = draw("svg", { class: "share", viewBox: "0 0 100 4", preserveAspectRatio: "none", "aria-hidden": "true" });
      bar.append(draw("path", { d: `M0 0H${100 * card.share}V4H0Z` }));
      inner.push(bar);
    }
    if (!card.tab) return make("div", {}, ...inner);
    return make("button", { type: "button", onclick: () => openTab(card.tab, true, card.at) }, ...inner);
  });
  panel.append(make("div", { class: "numbers" }, ...cards));
  for (const part of view.parts || []) {
    const more = make("button", { type: "button", onclick: () => openTab(part.tab, true) }, "See all");
    const list = make("div", { class: `list ${part.kind}` }, ...part.items.map((item) => entries[part.kind](item)));
    panel.append(make("div", { class: "head section bar" }, make("h2", {}, part.title), more), list);
    rove(list);
  }
}

function table(view, panel) {
  if (!view.rows.length) {
    panel.append(make("p", { class: "empty" }, view.empty));
    return;
  }
  const numeric = (i) => (view.numeric.includes(i) ? "number" : null);
  const rows = view.rows.map((row) => make("tr", {}, ...row.map((cell, i) => make("td", { class: numeric(i) }, String(cell)))));
  const top = make("tr", {}, ...view.columns.map((name, i) => make("th", { scope: "col", class: numeric(i) }, name)));
  panel.append(
    make("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": view.title },
      make("table", {}, make("thead", {}, top), make("tbody", {}, ...rows))),
  );
  if (view.more) panel.append(make("p", { class: "soft" }, `and ${number(view.more)} more; see ${view.file}`));
}
