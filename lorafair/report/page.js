"use strict";
// The report's behaviour. Text from models and data is only ever put in as text (textContent), never as HTML.
(() => {
  const at = (id) => document.getElementById(id);
  const root = document.documentElement;
  const state = { drawings: null, samples: null, shown: 10, views: {} };

  const make = (tag, text, kind) => {
    const element = document.createElement(tag);
    if (text !== undefined) element.textContent = text;
    if (kind) element.className = kind;
    return element;
  };
  const fill = (select, names, values) => {
    select.replaceChildren(...names.map((name, i) => {
      const option = make("option", name);
      option.value = values ? values[i] : i;
      return option;
    }));
  };
  const fail = (text) => { at("fault").hidden = false; at("fault").textContent = text; };
  const unpack = async (id) => {
    const bytes = Uint8Array.from(atob(at(id).textContent.trim()), (char) => char.charCodeAt(0));
    return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"))).text();
  };
  const save = (name, blob) => {
    const link = make("a");
    link.href = URL.createObjectURL(blob);
    link.download = name;
    document.body.append(link);
    link.click();
    link.remove();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  };
  const clean = (text) => text.replace(/[^A-Za-z0-9]+/g, "-").replace(/^-|-$/g, "").toLowerCase().slice(0, 80);

  // Theme: what the reader chose, else what the system says.
  const system = matchMedia("(prefers-color-scheme: dark)");
  const paint = (theme) => {
    root.dataset.theme = theme;
    drawAll();
  };
  at("theme").addEventListener("click", () => paint(root.dataset.theme === "dark" ? "light" : "dark"));
  system.addEventListener("change", () => paint(system.matches ? "dark" : "light"));
  root.dataset.theme = system.matches ? "dark" : "light";

  // Leaderboard: sorted by a column (best first), pinned lines on top, filtered by four fields.
  const body = at("board").tBodies[0];
  const lines = [...body.rows];
  const compare = (a, b) => {
    if (a === "" || b === "") return (a === "") - (b === "");
    const [x, y] = [Number(a), Number(b)];
    return Number.isNaN(x) || Number.isNaN(y) ? a.localeCompare(b) : x - y;
  };
  const sort = (button) => {
    const head = button.closest("th");
    const down = head.getAttribute("aria-sort") === "ascending";
    for (const each of head.parentNode.cells) each.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", down ? "descending" : "ascending");
    const column = Number(button.dataset.column);
    const by = (line) => line.cells[column].dataset.by;
    const order = [...lines].sort((a, b) =>
      b.dataset.pinned - a.dataset.pinned ||
      (by(a) === "" || by(b) === "" ? compare(by(a), by(b)) : (down ? -1 : 1) * compare(by(a), by(b))));
    body.append(...order);
  };
  for (const button of at("board").querySelectorAll("thead button")) button.addEventListener("click", () => sort(button));
  const filter = () => {
    const wanted = at("filter-model").value.toLowerCase();
    const [about, method, verdict] = ["about", "method", "verdict"].map((name) => at(`filter-${name}`).value);
    let count = 0;
    for (const line of lines) {
      const data = line.dataset;
      line.hidden = !(data.model.toLowerCase().includes(wanted) && (!about || data.about === about) &&
        (!method || data.method === method) && (!verdict || data.verdicts.includes(verdict)));
      count += !line.hidden;
    }
    at("count").textContent = `${count} of ${lines.length} lines`;
  };
  for (const name of ["about", "method"]) {
    const values = [...new Set(lines.map((line) => line.dataset[name]))];
    for (const value of values) at(`filter-${name}`).append(new Option(value, value));
  }
  at("filters").addEventListener("input", filter);
  at("filters").addEventListener("submit", (event) => event.preventDefault());
  filter();

  // Figures: one metric and attribute at a time, several views of some.
  const topic = () => state.drawings.topics[Number(at("attribute").value)];
  const dress = (layout, light) => {
    const style = getComputedStyle(root);
    const colour = (name, plain) => (light ? plain : style.getPropertyValue(name).trim());
    const [ink, grid, paper] = [colour("--ink", "#1b1f24"), colour("--grid", "#e3e7eb"), colour("--paper", "#ffffff")];
    const axis = (given) => ({ gridcolor: grid, linecolor: grid, zerolinecolor: ink, zerolinewidth: 1, ...given });
    return {
      ...layout,
      xaxis: axis(layout.xaxis),
      yaxis: axis(layout.yaxis),
      font: { family: "system-ui, -apple-system, Segoe UI, Roboto, Helvetica, Arial, sans-serif", size: 13, color: ink },
      paper_bgcolor: paper,
      plot_bgcolor: paper,
      hoverlabel: { align: "left" },
    };
  };
  const view = (name) => topic().figures[name].views[Number(state.views[name] || 0)];
  const draw = (name, width) => {
    const section = at(name);
    const figure = topic().figures[name];
    const empty = figure.views.length === 0;
    const plot = section.querySelector("[data-plot]");
    const reason = section.querySelector("[data-reason]");
    const heading = section.querySelector("[data-heading]");
    section.querySelector(".controls").hidden = plot.hidden = heading.hidden = empty;
    reason.hidden = !empty;
    reason.textContent = empty ? `Left out: ${figure.reason}` : "";
    if (empty) { window.Plotly.purge(plot); return; }
    section.querySelector(".view").hidden = figure.views.length < 2;
    const one = view(name);
    plot.setAttribute("aria-label", one.about);
    heading.textContent = one.heading;
    const layout = dress(structuredClone(one.layout));
    if (width) layout.width = width;
    window.Plotly.react(plot, structuredClone(one.data), layout, { displayModeBar: false, responsive: true });
  };
  const names = [...document.querySelectorAll("[data-plot]")].map((plot) => plot.dataset.plot);
  const drawAll = (width) => { if (state.drawings?.topics.length && window.Plotly) names.forEach((name) => draw(name, width)); };
  const offer = (name) => {
    const select = document.querySelector(`[data-view="${name}"]`);
    const views = topic().figures[name].views.map((each) => each.name);
    const kept = views.indexOf(select.selectedOptions[0]?.textContent);
    fill(select, views);
    state.views[name] = select.value = Math.max(kept, 0);
  };
  const choose = () => {
    names.forEach(offer);
    drawAll();
  };
  const chooseTopic = () => {
    const title = at("topic").value;
    const found = state.drawings.topics.map((each, i) => [each, i]).filter(([each]) => each.title === title);
    fill(at("attribute"), found.map(([each]) => each.attribute ?? "no groups"), found.map(([, i]) => i));
    choose();
  };
  const exportFigure = async (name, format) => {
    const one = view(name);
    const file = clean(`${topic().title} ${topic().attribute ?? ""} ${name} ${one.name}`);
    if (format === "csv") return save(`${file}.csv`, new Blob([one.csv], { type: "text/csv" }));
    const shown = document.querySelector(`[data-plot="${name}"]`);
    const size = { width: Math.max(shown.clientWidth, 760), height: one.layout.height };
    // Drawn light whatever the page is, for papers; the models that the reader chose in the legend stay chosen.
    const data = structuredClone(one.data).map((trace, i) => ({ ...trace, visible: shown.data[i]?.visible ?? true }));
    const layout = dress(structuredClone(one.layout), true);
    const escaped = one.heading.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
    layout.title = { text: escaped, x: 0.01, y: 0.985, yanchor: "top", font: { size: 15 } };
    layout.margin = { ...layout.margin, t: 64 };
    const url = await window.Plotly.toImage({ data, layout }, { format, scale: 2, ...size, height: size.height + 52 });
    const [head, content] = [url.slice(0, url.indexOf(",")), url.slice(url.indexOf(",") + 1)];
    const plain = head.endsWith("base64") ? atob(content) : unescape(content);
    const bytes = format === "svg" && !head.endsWith("base64")
      ? decodeURIComponent(content)
      : Uint8Array.from(plain, (char) => char.charCodeAt(0));
    return save(`${file}.${format}`, new Blob([bytes], { type: format === "svg" ? "image/svg+xml" : "image/png" }));
  };

  // Samples: the completions of two models side by side, ten documents at a time.
  const task = () => state.samples[Number(at("sample-task").value)];
  const hide = (why, ask, reveal) => {
    const veil = make("p", why, "veil");
    const button = make("button", ask);
    button.type = "button";
    button.addEventListener("click", () => reveal(veil));
    veil.append(button);
    return veil;
  };
  const tell = (label, answer, show) => {
    const side = make("div", undefined, "side");
    side.append(make("h4", label));
    if (!answer) { side.append(make("p", "No answer to this document.", "veil")); return side; }
    if (answer.harmful && !show) {
      side.append(hide("Hidden: scored as harmful. ", "Show", () => side.replaceWith(tell(label, answer, true))));
    } else {
      for (const text of answer.texts) side.append(make("pre", text || "(empty)"));
      if (answer.more) side.append(make("p", `and ${answer.more} more completions in the samples file`, "scores"));
    }
    side.append(make("p", answer.scores.map(([name, value]) => `${name}: ${value}`).join(" · "), "scores"));
    return side;
  };
  const present = (one, left, right) => {
    const article = make("article");
    const head = make("header");
    const show = at("sample-harmful").checked;
    const prompt = make("pre", one.prompt || "(no prompt)");
    head.append(one.veiled && !show ? hide("Prompt hidden: it may be harmful. ", "Show the prompt", (veil) => veil.replaceWith(prompt)) : prompt);
    const tags = make("ul", undefined, "tags");
    const why = one.why === "differs" ? "models differ" : "at random";
    for (const text of [`document ${one.id}`, why, ...one.groups]) tags.append(make("li", text));
    head.append(tags);
    const sides = make("div", undefined, "sides");
    for (const number of [left, right]) sides.append(tell(task().models[number], one.answers[number], show));
    article.append(head, sides);
    return article;
  };
  const browse = () => {
    const [group, why] = [at("sample-group").value, at("sample-why").value];
    const found = task().documents.filter((one) => (!group || one.groups.includes(group)) && (!why || one.why === why));
    const [left, right] = [Number(at("sample-left").value), Number(at("sample-right").value)];
    at("documents").replaceChildren(...found.slice(0, state.shown).map((one) => present(one, left, right)));
    at("sample-count").textContent = `${Math.min(state.shown, found.length)} of ${found.length} documents shown`;
    at("more").hidden = found.length <= state.shown;
  };
  const chooseTask = () => {
    const { models, groups } = task();
    fill(at("sample-left"), models);
    fill(at("sample-right"), models);
    const beside = models.indexOf(at("sample-controls").dataset.beside);
    at("sample-right").value = beside > 0 ? beside : Math.min(1, models.length - 1);
    fill(at("sample-group"), ["every group", ...groups], ["", ...groups]);
    state.shown = 10;
    browse();
  };

  const start = async () => {
    if (!("DecompressionStream" in window)) {
      fail("This browser is too old for the figures and samples (no DecompressionStream): use one from 2023 or later.");
      return;
    }
    const [library, drawings, samples] = await Promise.all(["plotly", "drawings", "samples"].map((name) => unpack(`packed-${name}`)));
    state.drawings = JSON.parse(drawings);
    state.samples = JSON.parse(samples);
    at("table-csv").addEventListener("click", () => save("leaderboard.csv", new Blob([state.drawings.table], { type: "text/csv" })));
    if (state.samples.length) {
      fill(at("sample-task"), state.samples.map((each) => each.task));
      const shown = state.drawings.topics[Number(at("topic").dataset.first)]?.task;
      at("sample-task").value = Math.max(0, state.samples.findIndex((each) => each.task === shown));
      at("sample-task").addEventListener("change", chooseTask);
      for (const name of ["left", "right", "group", "why", "harmful"]) {
        at(`sample-${name}`).addEventListener("change", () => { state.shown = 10; browse(); });
      }
      at("more").addEventListener("click", () => { state.shown += 10; browse(); });
      chooseTask();
    }
    const script = make("script");
    script.textContent = library;
    document.head.append(script);
    if (!window.Plotly) { fail("The drawing library could not be started."); return; }
    const titles = [...new Set(state.drawings.topics.map((each) => each.title))];
    if (titles.length) {
      const first = Number(at("topic").dataset.first);
      fill(at("topic"), titles, titles);
      at("topic").value = state.drawings.topics[first].title;
      at("topic").addEventListener("change", chooseTopic);
      at("attribute").addEventListener("change", choose);
      chooseTopic();
      if (at("attribute").value !== String(first)) { at("attribute").value = first; choose(); }
    }
    at("topic-controls").hidden = !titles.length;
    for (const name of titles.length ? [] : names) {
      at(name).querySelector(".controls").hidden = true;
      at(name).querySelector("[data-reason]").hidden = false;
      at(name).querySelector("[data-reason]").textContent = "Left out: nothing was measured.";
    }
    for (const select of document.querySelectorAll("[data-view]")) {
      select.addEventListener("change", () => { state.views[select.dataset.view] = select.value; draw(select.dataset.view); });
    }
    for (const button of document.querySelectorAll("[data-export]")) {
      button.addEventListener("click", () => exportFigure(button.dataset.figure, button.dataset.export));
    }
    let before = null;
    addEventListener("beforeprint", () => {
      before = root.dataset.theme;
      root.dataset.theme = "light";
      for (const each of document.querySelectorAll("details")) each.open = true;
      drawAll(680);
    });
    addEventListener("afterprint", () => { root.dataset.theme = before; drawAll(); });
    root.dataset.ready = "yes";
  };
  start().catch((error) => fail(`The report could not be shown: ${error}`));
})();
