// The graph of a dossier as an SVG file, drawn from where cytoscape has put its nodes: text stays text, lines stay sharp.
(() => {
  const NAMESPACE = "http://www.w3.org/2000/svg";
  const element = (name, attributes, text) => {
    const made = document.createElementNS(NAMESPACE, name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    if (text) made.textContent = text;
    return made;
  };
  const MOST = 22; // characters of a name in the drawing: as wide as cytoscape shows it
  const round = (number) => Math.round(number * 10) / 10;

  const bodyOf = (node) => {
    const { x, y } = node.position(), [width, height] = [node.width() / 2, node.height() / 2];
    const paint = { fill: node.style("background-color"), stroke: node.style("border-color"), "stroke-width": 2 };
    if (node.style("shape") === "round-hexagon") {
      const points = [[-1, 0], [-0.5, -1], [0.5, -1], [1, 0], [0.5, 1], [-0.5, 1]];
      return element("polygon", { points: points.map(([dx, dy]) => `${round(x + dx * width)},${round(y + dy * height)}`).join(" "), ...paint });
    }
    if (node.style("shape") === "round-rectangle") {
      return element("rect", { x: round(x - width), y: round(y - height), width: width * 2, height: height * 2, rx: 4, "stroke-dasharray": "4 3", ...paint });
    }
    return element("circle", { cx: round(x), cy: round(y), r: width, ...paint });
  };

  const drawingOf = (graph, paper) => {
    const { x1, y1, w, h } = graph.elements().boundingBox();
    const drawing = element("svg", { viewBox: [x1 - 20, y1 - 20, w + 40, h + 40].map(round).join(" "), width: round(w + 40), height: round(h + 40), "font-family": "system-ui, sans-serif", "font-size": 11 });
    drawing.append(element("rect", { x: round(x1 - 20), y: round(y1 - 20), width: round(w + 40), height: round(h + 40), fill: paper }));
    graph.edges().forEach((edge) => {
      const [from, to] = [edge.source().position(), edge.target().position()];
      drawing.append(element("line", { x1: round(from.x), y1: round(from.y), x2: round(to.x), y2: round(to.y), stroke: edge.style("line-color"), "stroke-width": round(parseFloat(edge.style("width"))), "stroke-opacity": edge.style("opacity") }));
    });
    graph.nodes().forEach((node) => {
      drawing.append(bodyOf(node));
      const { x, y } = node.position();
      const name = node.style("label");
      if (!name) return;
      const text = element("text", { x: round(x), y: round(y + node.height() / 2 + 15), "text-anchor": "middle", fill: node.style("color"), stroke: paper, "stroke-width": 3, "paint-order": "stroke" }, name.length > MOST ? `${name.slice(0, MOST - 1)}…` : name);
      text.append(element("title", {}, name));
      drawing.append(text);
    });
    return new Blob([new XMLSerializer().serializeToString(drawing)], { type: "image/svg+xml" });
  };

  document.addEventListener("fanal:drawn", ({ target, detail: graph }) => {
    document.querySelector(`[data-graph-svg="${target.dataset.graph}"]`)?.addEventListener("click", (event) => {
      const picture = URL.createObjectURL(drawingOf(graph, getComputedStyle(target.parentElement).backgroundColor));
      Object.assign(document.createElement("a"), { href: picture, download: event.currentTarget.value }).click();
      URL.revokeObjectURL(picture);
    });
  });
})();
