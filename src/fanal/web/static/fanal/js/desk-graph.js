// Graphs of kin: cytoscape draws what a JSON element of the page holds; lists beside say the same in words.
(() => {
  // The library's own style element would be refused by the content policy; `desk.css` holds its one rule.
  const placeholder = document.createElement("template");
  placeholder.id = "__________cytoscape_stylesheet";
  document.head.append(placeholder);

  // Custom properties resolve in a real element: cytoscape draws on a canvas and knows no light-dark().
  const probe = document.createElement("span");
  probe.hidden = true;
  document.body.append(probe);
  const color = (name) => {
    probe.style.color = `var(${name})`;
    return getComputedStyle(probe).color;
  };

  const look = () => [
    { selector: "node", style: {
      "background-color": color("--fn-line-strong"), color: color("--fn-ink"), label: "data(label)", width: 18, height: 18,
      "font-size": 11, "min-zoomed-font-size": 8, "font-family": "system-ui, sans-serif", "text-valign": "bottom", "text-margin-y": 4,
      "text-max-width": 130, "text-wrap": "ellipsis", "text-background-color": color("--fn-surface"), "text-background-opacity": 0.85, "text-background-padding": 2, "border-width": 2, "border-color": color("--fn-surface") } },
    { selector: "node[level = 'DANGER']", style: { "background-color": color("--fn-danger") } },
    { selector: "node[level = 'HIGH']", style: { "background-color": color("--fn-accent") } },
    { selector: "node[?here]", style: { "background-color": color("--fn-accent"), width: 26, height: 26, "font-weight": "bold" } },
    { selector: "node[?away]", style: { shape: "round-rectangle", "background-color": color("--fn-surface-2"),
      "border-color": color("--fn-line-strong"), "border-style": "dashed" } },
    { selector: "edge", style: { "line-color": color("--fn-line-strong"), "curve-style": "bezier", opacity: 0.75,
      width: "mapData(score, 0, 1, 1, 6)" } },
    { selector: "edge.fd-dense", style: { opacity: 0.25, width: 1 } },
    { selector: ".fd-picked", style: { "background-color": color("--fn-lantern"), "line-color": color("--fn-lantern"), opacity: 1 } },
  ];

  // Nearly everything linked to everything has no shape that springs could find: a ring shows each label.
  const isDense = ({ nodes, edges }) => edges.length > nodes.length * 3;
  const spread = (data) => isDense(data)
    ? { name: "circle", padding: 28 }
    : { name: "cose", animate: false, randomize: true, nodeRepulsion: () => 60000, idealEdgeLength: () => 90, nodeOverlap: 20, padding: 28 };

  for (const box of document.querySelectorAll("[data-graph]")) {
    const data = JSON.parse(document.getElementById(box.dataset.graph).textContent);
    const small = data.nodes.length > 1 && data.nodes[0].data.here;
    const graph = cytoscape({
      container: box,
      elements: data,
      style: look(),
      layout: small
        ? { name: "concentric", concentric: (node) => (node.data("here") ? 2 : 1), levelWidth: () => 1, minNodeSpacing: 36, padding: 24 }
        : spread(data),
      maxZoom: 1.4,
      userZoomingEnabled: false,
      boxSelectionEnabled: false,
      autoungrabify: small,
    });
    if (isDense(data)) graph.edges().addClass("fd-dense");
    document.addEventListener("fanal:theme", () => graph.style(look()));
    // Other views of the same reports stay in step: they speak by events, with the report's id.
    graph.on("tap", "node", (event) => document.dispatchEvent(new CustomEvent("fanal:pick", { detail: event.target.id() })));
    document.addEventListener("fanal:pick", (event) => {
      graph.elements().removeClass("fd-picked");
      const node = graph.getElementById(event.detail);
      node.addClass("fd-picked");
      node.connectedEdges().addClass("fd-picked");
    });
    for (const button of document.querySelectorAll(`[data-graph-zoom="${box.dataset.graph}"]`)) {
      button.addEventListener("click", () => {
        if (button.value === "fit") graph.fit(undefined, 28);
        else graph.zoom({ level: graph.zoom() * Number(button.value), renderedPosition: { x: box.clientWidth / 2, y: box.clientHeight / 2 } });
      });
    }
    box.dataset.drawn = "";
  }
})();
