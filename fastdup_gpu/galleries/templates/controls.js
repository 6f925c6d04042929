// A view filters its list by a threshold, a range of a histogram and a search text. Counts are those of
// all images of the run, computed in advance; the list contains only the first of them.

function toolbar(view, state) {
  const bar = make("div", { class: "tools" });
  if (view.slider) bar.append(slider(view.slider, state));
  if (view.histogram) bar.append(brush(view.histogram, state));
  if (view.items.length > 1) bar.append(searchBox(state));
  if (view.suggest) bar.append(suggestion(view, state));
  bar.append(make("p", { class: "counts", "aria-live": "polite" }));
  return bar;
}

function searchBox(state) {
  const input = make("input", {
    type: "search",
    class: "find",
    oninput: () => {
      state.text = input.value.trim().toLowerCase();
      state.apply();
    },
  });
  return make("label", {}, "Search names and labels", input);
}

function suggestion(view, state) {
  return make(
    "button",
    {
      type: "button",
      class: "suggest",
      onclick: () => {
        markAll(spare(view.items.filter((item) => state.wants(item))), true);
      },
    },
    view.suggest,
  );
}

// The images that could be removed: those with a better one beside them that stays, so that something
// similar remains of everything that goes.
function spare(items) {
  const better = new Map();
  for (const item of items) {
    const drop = item.drop || [];
    const kept = item.p.filter((index) => !drop.includes(index));
    for (const index of drop) better.set(index, [...(better.get(index) || []), ...kept]);
  }
  const stays = new Map();
  for (const start of better.keys()) {
    const path = [start];
    while (path.length) {
      const index = path[path.length - 1];
      const others = better.get(index) || [];
      const open = stays.has(index) ? undefined : others.find((other) => !stays.has(other) && !path.includes(other));
      if (open !== undefined) {
        path.push(open);
        continue;
      }
      if (!stays.has(index)) stays.set(index, !others.some((other) => stays.get(other)));
      path.pop();
    }
  }
  return new Set([...better.keys()].filter((index) => !stays.get(index)));
}

function slider(spec, state) {
  const rows = spec.rows;
  const at = (value) => {
    let best = 0;
    for (let i = 1; i < rows.length; i++) {
      if (Math.abs(rows[i][0] - value) <= Math.abs(rows[best][0] - value)) best = i;
    }
    return best;
  };
  const input = make("input", {
    type: "range", min: 0, max: rows.length - 1, step: 1, value: at(spec.value), class: "threshold",
  });
  const output = make("output", {});
  const chart = draw("svg", { viewBox: "0 0 100 34", preserveAspectRatio: "none", "aria-hidden": "true" });
  const most = Math.max(1, ...rows.map((row) => row[1]));
  const step = 100 / Math.max(1, rows.length - 1);
  const line = rows.map((row, i) => `L${(i * step).toFixed(2)} ${(34 - 32 * Math.sqrt(row[1] / most)).toFixed(2)}`);
  const cursor = draw("line", { y1: 0, y2: 34 });
  chart.append(draw("path", { d: `M0 34${line.join("")}L100 34Z` }), cursor);
  const update = () => {
    const row = rows[Number(input.value)];
    state.threshold = row[0];
    output.textContent = `${spec.sign} ${row[0].toFixed(spec.digits)}`;
    input.setAttribute("aria-valuetext", output.textContent);
    cursor.setAttribute("x1", Number(input.value) * step);
    cursor.setAttribute("x2", Number(input.value) * step);
    state.counts = spec.text.replace(/\{(\d) ?(\w*)\}/g, (_, i, noun) => counted(row[Number(i) + 1], noun));
  };
  input.addEventListener("input", () => {
    update();
    state.apply();
  });
  input.moveTo = (value) => {
    input.value = at(value);
    update();
    state.apply();
  };
  state.passes.push((item) =>
    spec.sign === "≥" ? item.v >= state.threshold - 1e-9 : item.v <= state.threshold + 1e-9,
  );
  update();
  return make("div", { class: "slider" }, make("label", {}, `${spec.label} `, output, chart, input));
}

function brush(spec, state) {
  const { low, high, counts } = spec;
  const bins = Math.max(1, counts.length);
  const width = (high - low) / bins || 1;
  const name = (value) => (Math.abs(value) >= 1000 ? number(Math.round(value)) : value.toFixed(spec.digits));
  const chart = draw("svg", { viewBox: `0 0 ${bins} 72`, preserveAspectRatio: "none", class: "brush", "aria-hidden": "true" });
  const most = Math.max(1, ...counts);
  const bars = counts.map((count, i) => {
    const tall = count ? Math.max(2, 68 * Math.sqrt(count / most)) : 0;
    return draw("rect", { x: i + 0.05, width: 0.9, y: 72 - tall, height: tall });
  });
  chart.append(...bars);
  const ends = ["From", "To"].map((word, i) =>
    make("input", {
      type: "range", min: i, max: bins - 1 + i, step: 1, value: i ? bins : 0, class: "end",
      "aria-label": `${word} ${spec.label}`,
    }),
  );
  const output = make("output", {});
  const update = () => {
    const [from, to] = ends.map((end) => Number(end.value));
    bars.forEach((bar, i) => bar.setAttribute("class", i >= from && i < to ? "in" : ""));
    state.range = [low + from * width, to === bins ? Infinity : low + to * width];
    if (!from) state.range[0] = -Infinity;
    const inside = counts.slice(from, to).reduce((sum, count) => sum + count, 0);
    const all = counts.reduce((sum, count) => sum + count, 0);
    output.textContent = `${name(low + from * width)} to ${name(low + to * width)}`;
    ends.forEach((end, i) => end.setAttribute("aria-valuetext", name(low + (i ? to : from) * width)));
    state.counts = `${number(inside)} of ${counted(all, "image")}`;
  };
  const move = (which, value) => {
    const other = Number(ends[1 - which].value);
    ends[which].value = which ? Math.max(value, other + 1) : Math.min(value, other - 1);
    update();
    state.apply();
  };
  ends.forEach((end, i) => end.addEventListener("input", () => move(i, Number(end.value))));
  let start = null;
  const bin = (event) => {
    const box = chart.getBoundingClientRect();
    return Math.min(bins - 1, Math.max(0, Math.floor(((event.clientX - box.left) / box.width) * bins)));
  };
  chart.addEventListener("pointerdown", (event) => {
    start = bin(event);
    chart.setPointerCapture(event.pointerId);
  });
  chart.addEventListener("pointermove", (event) => {
    if (start === null) return;
    const here = bin(event);
    ends[0].value = Math.min(start, here);
    ends[1].value = Math.max(start, here) + 1;
    update();
    state.apply();
  });
  chart.addEventListener("pointerup", () => (start = null));
  chart.addEventListener("dblclick", () => {
    [ends[0].value, ends[1].value] = [0, bins];
    update();
    state.apply();
  });
  state.passes.push((item) => item.v >= state.range[0] && item.v <= state.range[1]);
  update();
  return make(
    "div",
    { class: "slider" },
    make("label", {}, `${spec.label} `, output),
    chart,
    make("div", { class: "two" }, ...ends),
  );
}
