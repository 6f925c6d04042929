const repaints = [];
const kinds = { overview, table, choice, pairs: listing, groups: listing, cards: listing, rows: listing };
const panels = new Map();

for (const view of data.views) {
  const panel = make("section", { id: `view-${view.id}`, hidden: true });
  const tab = make("button", { type: "button", role: "tab", id: `tab-${view.id}`, "aria-controls": panel.id, onclick: () => openTab(view.id, false) }, view.title);
  if (data.views.length > 1) {
    panel.setAttribute("role", "tabpanel");
    panel.setAttribute("aria-labelledby", tab.id);
    $("tabs").append(tab);
  } else panel.setAttribute("aria-label", view.title);
  $("main").append(panel);
  panels.set(view.id, { view, panel, tab, built: false });
}

function openTab(id, focus, threshold) {
  const entry = panels.get(id);
  if (!entry) return;
  for (const other of panels.values()) {
    const on = other === entry;
    other.panel.hidden = !on;
    other.tab.setAttribute("aria-selected", String(on));
    other.tab.tabIndex = on ? 0 : -1;
  }
  if (!entry.built) {
    entry.built = true;
    fill(entry.view, entry.panel);
  }
  if (threshold !== undefined) entry.panel.querySelector(".threshold")?.moveTo(threshold);
  if (data.views.length > 1) {
    entry.tab.scrollIntoView({ block: "nearest", inline: "nearest" });
    remember(id);
  }
  if (focus) {
    entry.tab.focus();
    scrollTo(0, 0);
  }
}

function fill(view, panel) {
  if (view.intro) panel.append(make("p", { class: "intro" }, view.intro));
  if (view.plot) plot(view.plot, panel);
  if (kinds[view.kind]) kinds[view.kind](view, panel);
}

// Several views of which one is chosen by name.
function choice(view, panel) {
  const parts = view.views.map((part) => ({ part, area: make("div", { hidden: true }), built: false }));
  const pick = (at) => {
    parts.forEach((entry, i) => (entry.area.hidden = i !== at));
    if (!parts[at].built) {
      parts[at].built = true;
      fill(parts[at].part, parts[at].area);
    }
  };
  const options = parts.map(({ part }, i) => make("option", { value: i }, part.title));
  const select = make("select", { class: "metric", onchange: () => pick(Number(select.value)) }, ...options);
  panel.append(make("p", { class: "intro" }, make("label", {}, `${view.label} `, select)), ...parts.map((p) => p.area));
  pick(0);
}

function remember(id) {
  try {
    history.replaceState(null, "", `#${id}`);
  } catch {
    // A page inside a notebook has no address of its own.
  }
}

$("tabs").addEventListener("keydown", (event) => {
  const ids = [...panels.keys()];
  const here = ids.findIndex((id) => panels.get(id).tab === document.activeElement);
  const to = { ArrowRight: here + 1, ArrowLeft: here - 1, Home: 0, End: ids.length - 1 }[event.key];
  if (here < 0 || to === undefined) return;
  event.preventDefault();
  openTab(ids[(to + ids.length) % ids.length], true);
});

function paintTheme() {
  $("theme").textContent = isDark() ? "Light" : "Dark";
  $("theme").setAttribute("aria-label", isDark() ? "Use light colours" : "Use dark colours");
  for (const paint of repaints) paint();
}
$("theme").addEventListener("click", () => {
  document.documentElement.dataset.theme = isDark() ? "light" : "dark";
  paintTheme();
});
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", paintTheme);

$("download").hidden = !data.marks;
$("download").addEventListener("click", download);
$("clear").addEventListener("click", () => markAll([...marked], false));
$("help").addEventListener("click", () => $("keys").showModal());
$("keys-close").addEventListener("click", () => $("keys").close());
document.addEventListener("keydown", (event) => {
  const typing = event.target.matches("input[type=search]");
  if (typing || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "?" && !$("keys").open) $("keys").showModal();
  else if (event.key === "/") {
    const box = document.querySelector("section:not([hidden]) input[type=search]");
    if (!box) return;
    event.preventDefault();
    box.focus();
  }
});
addEventListener("beforeunload", (event) => {
  if (unsaved) event.preventDefault();
});
addEventListener("beforeprint", () => {
  for (const image of document.querySelectorAll("img[data-index]")) show(image);
});

if (data.page_width) document.documentElement.style.setProperty("--gallery", `${data.page_width}px`);
if (data.thumb_width) document.documentElement.style.setProperty("--thumb", `${data.thumb_width}px`);
openTab(panels.has(location.hash.slice(1)) ? location.hash.slice(1) : data.views[0].id, false);
paintTheme();
document.documentElement.setAttribute("data-started", "");
