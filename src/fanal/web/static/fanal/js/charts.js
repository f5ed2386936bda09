// Draws every <canvas data-chart="id"> from the JSON of that id; colors follow the theme.
(() => {
  const charts = [];
  const probe = document.createElement("span");
  const color = (name) => {
    probe.style.color = `var(${name})`;
    return getComputedStyle(probe).color;
  };
  const calm = matchMedia("(prefers-reduced-motion: reduce)");

  const dataset = (series, index, horizontal) => {
    const ink = color(`--fs-${(index % 10) + 1}`);
    if (series.line) {
      return { type: "line", label: series.name, data: series.values, borderColor: color("--fn-ink-2"), backgroundColor: "transparent", borderDash: [5, 4], borderWidth: 2, pointRadius: 2, stack: "before", order: 0 };
    }
    const fill = series.quiet ? color("--fn-line-strong") : ink;
    return { label: series.name, data: series.values, backgroundColor: fill, borderRadius: 2, maxBarThickness: horizontal ? 22 : 40, stack: series.quiet ? "before" : "now", order: 1 };
  };

  // Long names on two lines or more, so that none is cut.
  const wrapped = (name) => {
    const longest = innerWidth < 600 ? 18 : 26;
    const lines = [""];
    for (const word of name.split(" ")) {
      const last = lines.length - 1;
      if ((lines[last] + word).length > longest && lines[last]) lines.push(word);
      else lines[last] = lines[last] ? `${lines[last]} ${word}` : word;
    }
    return lines;
  };

  const options = (spec) => {
    const ink = color("--fn-ink");
    const line = color("--fn-line");
    const size = { family: getComputedStyle(document.body).fontFamily, size: 12 };
    const grid = { color: line };
    const count = { stacked: spec.stacked, beginAtZero: true, grid, ticks: { color: ink, font: size, precision: 0 } };
    const names = { stacked: spec.stacked, grid: { display: false }, ticks: { color: ink, font: size, autoSkip: !spec.horizontal } };
    return {
      responsive: true,
      layout: { padding: { top: spec.marks && spec.marks.length ? 18 : 0 } },
      maintainAspectRatio: false,
      animation: calm.matches ? false : { duration: 300 },
      indexAxis: spec.horizontal ? "y" : "x",
      locale: document.documentElement.lang,
      interaction: { mode: "index", intersect: false, axis: spec.horizontal ? "y" : "x" },
      plugins: { legend: { position: "bottom", labels: { color: ink, font: size, boxWidth: 14, boxHeight: 10 } } },
      scales: spec.horizontal ? { x: count, y: names } : { x: names, y: count },
    };
  };

  // Annotations: a dashed line at their label, with their numbers on top.
  const marks = (spec) => ({
    id: "marks",
    afterDatasetsDraw: (chart) => {
      if (!spec.marks || spec.horizontal) return;
      const { ctx, chartArea, scales } = chart;
      ctx.save();
      ctx.font = `600 11px ${getComputedStyle(document.body).fontFamily}`;
      ctx.textAlign = "center";
      ctx.textBaseline = "middle";
      for (const mark of spec.marks) {
        const x = scales.x.getPixelForValue(mark.at);
        const width = ctx.measureText(mark.text).width + 8;
        ctx.strokeStyle = chart.markColor;
        ctx.setLineDash([3, 3]);
        ctx.beginPath();
        ctx.moveTo(x, chartArea.top);
        ctx.lineTo(x, chartArea.bottom);
        ctx.stroke();
        ctx.fillStyle = chart.markColor;
        ctx.fillRect(x - width / 2, chartArea.top - 15, width, 14);
        ctx.fillStyle = chart.markInk;
        ctx.fillText(mark.text, x, chartArea.top - 7.5);
      }
      ctx.restore();
    },
  });

  const draw = () => {
    document.body.append(probe);
    for (const chart of charts.splice(0)) chart.destroy();
    for (const canvas of document.querySelectorAll("canvas[data-chart]")) {
      const spec = JSON.parse(document.getElementById(canvas.dataset.chart).textContent);
      const data = { labels: spec.horizontal ? spec.labels.map(wrapped) : spec.labels, datasets: spec.series.map((series, index) => dataset(series, index, spec.horizontal)) };
      const chart = new Chart(canvas, { type: "bar", data, options: options(spec), plugins: [marks(spec)] });
      chart.markColor = color("--fn-warn");
      chart.markInk = color("--fn-warn-soft");
      chart.draw();
      charts.push(chart);
    }
    probe.remove();
  };

  document.addEventListener("DOMContentLoaded", draw);
  document.addEventListener("fanal:theme", draw);
})();
