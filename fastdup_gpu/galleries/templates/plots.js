// Points on a canvas. Kinds differ by shape as well as by colour.
const shapes = [
  (c, x, y, r) => c.arc(x, y, r, 0, 7),
  (c, x, y, r) => c.rect(x - r, y - r, 2 * r, 2 * r),
  (c, x, y, r) => (c.moveTo(x, y - 1.3 * r), c.lineTo(x + 1.3 * r, y + r), c.lineTo(x - 1.3 * r, y + r), c.closePath()),
];
const tones = { light: ["#6b7484", "#2456c7", "#b3261e"], dark: ["#8b94a5", "#8fb2ff", "#ff9d94"] };

function isDark() {
  const chosen = document.documentElement.dataset.theme;
  return chosen ? chosen === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
}

function plot(view, panel) {
  const { xs, ys, kinds, pictures } = view;
  const canvas = make("canvas", { tabindex: "0", role: "img", "aria-label": view.label });
  const aside = make("aside", {}, make("p", { class: "soft" }, "Point at a dot, or focus the map and use the arrow keys."));
  const legend = make("div", { class: "legend" });
  view.kinds_named.forEach((name, i) => {
    const mark = make("canvas", { width: 14, height: 14, "aria-hidden": "true" });
    mark.kind = i;
    legend.append(make("span", {}, mark, ` ${name}`));
  });
  const area = make("div", { class: pictures ? "plot" : "plot single" }, make("div", {}, canvas, legend), pictures ? aside : "");
  panel.append(area);
  let chosen = -1;
  let zoom = 1;
  let center = [0.5, 0.5];
  const place = (i) => {
    const { width, height } = canvas;
    const pad = 24 * devicePixelRatio;
    const at = (value, c) => (value - c) * zoom + 0.5;
    return [pad + at(xs[i] / 1000, center[0]) * (width - 2 * pad), pad + at(1 - ys[i] / 1000, center[1]) * (height - 2 * pad)];
  };
  const paint = () => {
    const colors = tones[isDark() ? "dark" : "light"];
    const ratio = devicePixelRatio;
    canvas.width = Math.max(1, canvas.clientWidth * ratio);
    canvas.height = Math.min(canvas.width * 0.7, 640 * ratio);
    const c = canvas.getContext("2d");
    const radius = (xs.length > 3000 ? 2 : 3.2) * ratio * Math.min(2.5, Math.sqrt(zoom));
    for (const kind of [0, 1, 2]) {
      c.fillStyle = colors[kind];
      c.globalAlpha = kind ? 0.9 : 0.5;
      c.beginPath();
      for (let i = 0; i < xs.length; i++) {
        if (kinds[i] !== kind) continue;
        const [x, y] = place(i);
        c.moveTo(x, y);
        shapes[kind](c, x, y, radius);
      }
      c.fill();
    }
    c.globalAlpha = 1;
    if (chosen >= 0) {
      const [x, y] = place(chosen);
      c.strokeStyle = isDark() ? "#fff" : "#000";
      c.lineWidth = 2.5 * ratio;
      c.beginPath();
      c.arc(x, y, radius + 5 * ratio, 0, 7);
      c.stroke();
    }
    for (const mark of legend.querySelectorAll("canvas")) {
      const m = mark.getContext("2d");
      m.clearRect(0, 0, 14, 14);
      m.fillStyle = colors[mark.kind];
      m.beginPath();
      shapes[mark.kind](m, 7, 7, 4.5);
      m.fill();
    }
    axes(c, view, canvas, ratio);
  };
  const closest = (x, y, most, accept = () => true) => {
    let best = -1;
    let least = most;
    for (let i = 0; i < xs.length; i++) {
      const [px, py] = place(i);
      const away = Math.hypot(px - x, py - y);
      if (away < least && accept(px - x, py - y)) [best, least] = [i, away];
    }
    return best;
  };
  const choose = (i) => {
    if (i < 0 || i === chosen || !pictures) return;
    chosen = i;
    paint();
    const [x, y] = place(i);
    const order = [...xs.keys()].filter((j) => j !== i).map((j) => [Math.hypot(place(j)[0] - x, place(j)[1] - y), j]);
    const close = order.sort((a, b) => a[0] - b[0]).slice(0, 6);
    forget(aside);
    const beside = close.length ? pictures[close[0][1]] : undefined;
    const small = close.map(([, j]) => make("button", { type: "button", class: "view", "aria-label": describe(data.pictures[pictures[j]]), onclick: () => choose(j) }, image(pictures[j], true)));
    const main = figure(pictures[i], { now: true, beside });
    main.querySelector(".view").tabIndex = 0;
    aside.replaceChildren(main, make("p", { class: "soft" }, "Closest on the map"), make("div", { class: "near" }, ...small.map((b) => make("figure", {}, b))));
    say(describe(data.pictures[pictures[i]]));
  };
  const spot = (event) => {
    const box = canvas.getBoundingClientRect();
    return [(event.clientX - box.left) * devicePixelRatio, (event.clientY - box.top) * devicePixelRatio];
  };
  let drag = null;
  canvas.addEventListener("pointerdown", (event) => (drag = [event.clientX, event.clientY, ...center]));
  addEventListener("pointerup", () => (drag = null));
  canvas.addEventListener("pointermove", (event) => {
    if (drag && zoom > 1) {
      const size = canvas.clientWidth * zoom;
      center = [drag[2] - (event.clientX - drag[0]) / size, drag[3] - (event.clientY - drag[1]) / (size * 0.7)];
      paint();
    } else if (pictures) choose(closest(...spot(event), 24 * devicePixelRatio));
  });
  canvas.addEventListener("wheel", (event) => {
    if (!event.ctrlKey && !event.altKey && document.activeElement !== canvas) return;
    event.preventDefault();
    scale(event.deltaY < 0 ? 1.2 : 1 / 1.2);
  }, { passive: false });
  const scale = (by) => {
    zoom = Math.min(40, Math.max(1, zoom * by));
    if (zoom === 1) center = [0.5, 0.5];
    else if (chosen >= 0 && by > 1) center = [xs[chosen] / 1000, 1 - ys[chosen] / 1000];
    paint();
  };
  canvas.addEventListener("keydown", (event) => {
    const ways = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    const way = ways[event.key];
    if (way && pictures) {
      event.preventDefault();
      const [x, y] = chosen < 0 ? [canvas.width / 2, canvas.height / 2] : place(chosen);
      const ahead = (dx, dy) => dx * way[0] + dy * way[1] > Math.abs(dx * way[1] + dy * way[0]) && Math.hypot(dx, dy) > 1;
      choose(closest(x, y, Infinity, chosen < 0 ? undefined : ahead));
    } else if (event.key === "+" || event.key === "-") scale(event.key === "+" ? 1.4 : 1 / 1.4);
    else if (event.key === " " && chosen >= 0) {
      event.preventDefault();
      mark(pictures[chosen], !marked.has(pictures[chosen]));
    } else if (event.key === "Enter" && chosen >= 0) openPair(pictures[chosen], undefined, canvas);
  });
  repaints.push(paint);
  new ResizeObserver(paint).observe(canvas.parentElement);
}

function axes(c, view, canvas, ratio) {
  if (!view.axes) return;
  c.fillStyle = isDark() ? "#a9b0bd" : "#555c68";
  c.font = `${12 * ratio}px system-ui, sans-serif`;
  c.textAlign = "right";
  c.fillText(view.axes[0], canvas.width - 8 * ratio, canvas.height - 8 * ratio);
  c.textAlign = "left";
  c.fillText(view.axes[1], 8 * ratio, 18 * ratio);
}

// Figures that are removed from the page are no longer painted.
function forget(parent) {
  for (const list of places.values()) {
    for (let i = list.length - 1; i >= 0; i--) if (parent.contains(list[i])) list.splice(i, 1);
  }
}
