"use strict";
(() => {
  const small = window.matchMedia("(max-width: 600px)");
  const plots = () => [...document.querySelectorAll(".plot")];

  /** Plotly travels packed: unpacked it is three times as large. */
  async function unpack() {
    if (window.Plotly) return;
    const packed = atob(document.getElementById("plotly").textContent.trim());
    const bytes = Uint8Array.from(packed, (character) => character.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
    const script = document.createElement("script");
    script.textContent = await new Response(stream).text();
    document.head.append(script);
  }

  /** Draw one picture; what a narrow screen has otherwise is in the layout's `meta`. */
  function draw(plot) {
    const { data, layout } = JSON.parse(plot.nextElementSibling.textContent);
    const narrow = (small.matches && layout.meta) || {};
    for (const [path, value] of Object.entries(narrow)) {
      const keys = path.split(".");
      const last = keys.pop();
      keys.reduce((part, key) => (part[key] ??= {}), layout)[last] = value;
    }
    layout.dragmode = small.matches ? false : "zoom"; // a finger scrolls the page
    return window.Plotly.react(plot, data, layout, { displayModeBar: false, responsive: true });
  }

  async function drawAll() {
    for (const plot of plots()) {
      await draw(plot);
      plot.firstElementChild.ariaHidden = "true"; // its sentence and table say it better
      await new Promise((done) => setTimeout(done)); // the page stays responsive meanwhile
    }
    const measuring = document.getElementById("js-plotly-tester"); // Plotly's own, never seen
    if (measuring) measuring.ariaHidden = "true";
    document.documentElement.dataset.drawn = plots().length;
    fit();
  }

  /** In a notebook the page is a frame: as high as what is in it. */
  function fit() {
    try {
      if (window.frameElement) {
        window.frameElement.style.height = `${document.body.scrollHeight + 40}px`;
      }
    } catch { /* the notebook keeps frames apart: the frame scrolls */ }
  }

  function fail(error) {
    for (const plot of plots()) {
      if (!plot.childElementCount) {
        plot.textContent = `This picture cannot be drawn here (${error.message}); the table below has its numbers.`;
        plot.style.height = "auto";
      }
    }
    fit();
  }

  window.addEventListener("beforeprint", () => {
    document.querySelectorAll("article details").forEach((part) => { part.open = true; });
    plots().forEach((plot) => plot.data && window.Plotly.relayout(plot, { width: 680 }));
  });
  window.addEventListener("afterprint", () => {
    plots().forEach((plot) => plot.data && window.Plotly.relayout(plot, { width: null, autosize: true }));
  });
  document.addEventListener("toggle", fit, true);

  /** Ask for the report again; what is open stays open. */
  async function refresh() {
    let pause = 2000;
    try {
      const began = performance.now();
      const answer = await fetch(`content?known=${document.querySelector("main").dataset.state}`);
      if (answer.status === 200) {
        const opened = [...document.querySelectorAll("details")].map((part) => part.open);
        const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
        for (const name of ["header", "main"]) {
          document.querySelector(name).replaceWith(fresh.querySelector(name));
        }
        document.querySelectorAll("details").forEach((part, i) => { part.open = opened[i]; });
        await drawAll();
      }
      pause = Math.max(pause, 10 * (performance.now() - began));
      document.body.dataset.live = "on";
    } catch {
      document.body.dataset.live = "off";
    }
    setTimeout(refresh, pause);
  }

  unpack().then(drawAll).then(() => {
    small.addEventListener("change", () => drawAll().catch(fail));
    if (document.body.dataset.live) setTimeout(refresh, 2000);
  }).catch(fail);
  window.addEventListener("load", fit);
})();
