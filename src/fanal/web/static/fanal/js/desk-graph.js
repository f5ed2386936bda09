// Graphs of kin: cytoscape draws what a JSON element of the page holds; lists beside say the same in words.
// A dossier's graph can gather its reports (by what they share, by service, by month): 2,000 reports stay readable.
(() => {
  // The library's own style element would be refused by the content policy; `desk.css` holds its one rule.
  const placeholder = document.createElement("template");
  placeholder.id = "__________cytoscape_stylesheet";
  document.head.append(placeholder);

  const MOST_LOOSE = 60; // reports that are drawn one by one before somebody chooses how to gather them
  const MOST_NAMED = 600; // nodes whose labels are compared with each other
  const GROUP = "group:";
  const nameOf = (id) => id.slice(GROUP.length);
  const shortened = (text) => (text.length > 14 ? `${text.slice(0, 13)}…` : text); // the number after it stays in view

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
      "border-color": color("--fn-line-strong"), "border-style": "dashed", "text-wrap": "wrap", "text-max-width": 56 } },
    { selector: "node[count]", style: { shape: "round-hexagon", width: "mapData(count, 1, 200, 26, 64)", height: "mapData(count, 1, 200, 26, 64)", "font-weight": "bold", "text-max-width": 220 } },
    { selector: "edge", style: { "line-color": color("--fn-line-strong"), "curve-style": "bezier", opacity: 0.75,
      width: "mapData(score, 0, 1, 1, 6)" } },
    { selector: "edge.fd-dense", style: { opacity: 0.25, width: 1 } },
    { selector: "node.fd-mute", style: { label: "" } },
    { selector: ".fd-picked", style: { "background-color": color("--fn-lantern"), "line-color": color("--fn-lantern"), opacity: 1, "z-index": 10 } },
    { selector: "node.fd-named", style: { label: "data(label)" } },
  ];

  // Nearly everything linked to everything has no shape that springs could find: a ring shows each label.
  const isDense = ({ nodes, edges }) => edges.length > nodes.length * 3;
  const spread = (data) => {
    if (data.nodes.length > 300) return { name: "grid", padding: 28, avoidOverlapPadding: 24 };
    if (isDense(data)) return { name: "circle", padding: 28 };
    return { name: "cose", animate: false, randomize: true, nodeRepulsion: () => 60000, idealEdgeLength: () => 90, nodeOverlap: 20, padding: 28 };
  };

  // What is drawn of `data` when its nodes are gathered by `by`, the groups in `open` apart.
  const gathered = (data, by, open, rest) => {
    const home = new Map(), groups = new Map(), nodes = [];
    for (const node of data.nodes) {
      const name = by && (node.data[by] || (!node.data.away && data.nodes.length > MOST_LOOSE && rest));
      const key = name ? GROUP + name : "";
      if (!key || open.has(key)) nodes.push(node);
      else groups.set(key, [...(groups.get(key) || []), node]);
      home.set(node.data.id, key && !open.has(key) ? key : node.data.id);
    }
    const worst = (members) => ["DANGER", "HIGH"].find((level) => members.some((node) => node.data.level === level)) || "";
    for (const [key, members] of groups) {
      nodes.push({ data: { id: key, label: `${shortened(nameOf(key))} (${members.length})`, count: members.length, level: worst(members), members: members.map((node) => node.data) } });
    }
    const edges = new Map();
    for (const { data: edge } of data.edges) {
      const [one, two] = [home.get(edge.source), home.get(edge.target)].sort();
      if (one === two) continue;
      const known = edges.get(`${one} ${two}`);
      if (!known || known.data.score < edge.score) edges.set(`${one} ${two}`, { data: { id: `${one} ${two}`, source: one, target: two, score: edge.score } });
    }
    return { nodes, edges: [...edges.values()] };
  };

  // The query that chooses a node's reports on the page without the graph; "" where there is none.
  const queryOf = (node, by) => {
    const members = node.data("members");
    if (!members) return `report=${node.id()}`;
    if (by === "shared" && members[0].value) return `value=${members[0].value}`;
    if (by !== "month") return "";
    const [year, month] = members[0].month.split("-").map(Number);
    return `lane=RECEIVED&from=${members[0].month}-01&to=${members[0].month}-${new Date(year, month, 0).getDate()}`;
  };
  const say = (node, by) => {
    const members = node.data("members");
    const ids = members ? members.map((data) => data.id) : node.data("away") ? [] : [node.id()];
    document.dispatchEvent(new CustomEvent("fanal:pick", { detail: { ids: new Set(ids), words: members ? nameOf(node.id()) : node.data("label"), query: node.data("away") ? "" : queryOf(node, by) } }));
  };

  // Hides each label that would cover another or a node: those of groups, danger and many links stay first.
  const declutter = (graph) => {
    const weight = (node) => [(node.data("count") || 0) * 1000, node.data("level") === "DANGER" ? 500 : 0, node.data("level") === "HIGH" ? 200 : 0, node.degree()].reduce((a, b) => a + b);
    const meets = (one, two) => one.x1 < two.x2 && two.x1 < one.x2 && one.y1 < two.y2 && two.y1 < one.y2;
    const bodies = graph.nodes().map((node) => [node.id(), node.boundingBox({ includeLabels: false, includeOverlays: false })]);
    const taken = [];
    graph.nodes().removeClass("fd-mute");
    for (const node of graph.nodes().sort((one, two) => weight(two) - weight(one))) {
      const box = node.boundingBox({ includeNodes: false, includeEdges: false, includeOverlays: false });
      if (taken.some((other) => meets(box, other)) || bodies.some(([id, body]) => id !== node.id() && meets(box, body))) node.addClass("fd-mute");
      else taken.push(box);
    }
  };

  const draw = (box) => {
    const name = box.dataset.graph;
    const all = JSON.parse(document.getElementById(name).textContent);
    const small = all.nodes.length > 1 && Boolean(all.nodes[0].data.here);
    const control = document.querySelector(`[data-graph-gather="${name}"]`);
    const said = document.querySelector(`[data-graph-said="${name}"]`);
    const open = new Set();
    let picked = new Set();
    if (control && all.nodes.length > MOST_LOOSE) control.value = "shared";
    const graph = cytoscape({ container: box, style: look(), maxZoom: 1.4, userZoomingEnabled: false, boxSelectionEnabled: false, autoungrabify: small });

    const show = () => {
      const data = control ? gathered(all, control.value, open, box.dataset.graphRest) : all;
      graph.elements().remove();
      graph.add(data);
      if (isDense(data)) graph.edges().addClass("fd-dense");
      graph.layout(small
        ? { name: "concentric", concentric: (node) => (node.data("here") ? 2 : 1), levelWidth: () => 1, minNodeSpacing: 36, padding: 24 }
        : spread(data)).run();
      if (graph.nodes().length <= MOST_NAMED) declutter(graph);
      box.dataset.shown = graph.nodes().length;
      box.dataset.muted = graph.nodes(".fd-mute").length;
      mark();
    };
    const mark = () => {
      graph.elements().removeClass("fd-picked fd-named");
      const found = graph.nodes().filter((node) => {
        const members = node.data("members");
        if (!members) return picked.has(node.id());
        const chosen = members.filter((data) => picked.has(data.id)).length;
        node.data("label", `${shortened(nameOf(node.id()))} (${chosen && chosen < members.length ? `${chosen}/` : ""}${members.length})`);
        return chosen > 0;
      });
      found.addClass("fd-picked");
      if (found.length < 4) found.addClass("fd-named").connectedEdges().addClass("fd-picked");
      else found.edgesWith(found).addClass("fd-picked");
      box.dataset.marked = found.length;
      return found;
    };
    const enter = (node) => {
      const id = node.id();
      if (id.startsWith(GROUP)) {
        open.add(id);
        show();
      } else if (!node.data("away")) {
        location.assign(`../../reports/${id}/`);
      }
    };

    document.addEventListener("fanal:theme", () => graph.style(look()));
    // Other views of the same reports stay in step: they speak by events, with the report's id.
    // A group is chosen by the first click on it and opened by the second.
    graph.on("tap", "node", ({ target }) => (target.id().startsWith(GROUP) && target.hasClass("fd-picked") ? enter(target) : say(target, control?.value)));
    document.addEventListener("fanal:pick", ({ detail }) => {
      picked = detail.ids;
      const found = mark();
      if (said) said.textContent = found.length === 1 && !found.data("members") ? found.data("label") : detail.words;
    });
    control?.addEventListener("change", () => {
      open.clear();
      show();
    });
    if (said) {
      let place = -1;
      box.addEventListener("keydown", (event) => {
        const nodes = graph.nodes().sort((one, two) => one.position("y") - two.position("y") || one.position("x") - two.position("x"));
        const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
        if (step && nodes.length) {
          place = (place + step + nodes.length) % nodes.length;
          say(nodes[place], control?.value);
        } else if (event.key === "Enter" && nodes[place]) {
          enter(nodes[place]);
          place = -1;
        } else if (event.key === "Escape" && open.size) {
          open.clear();
          show();
          place = -1;
        } else return;
        event.preventDefault();
      });
      box.addEventListener("focus", () => { said.textContent = box.dataset.graphOpen; });
    }
    for (const button of document.querySelectorAll(`[data-graph-zoom="${name}"]`)) {
      button.addEventListener("click", () => {
        if (button.value === "fit") graph.fit(undefined, 28);
        else graph.zoom({ level: graph.zoom() * Number(button.value), renderedPosition: { x: box.clientWidth / 2, y: box.clientHeight / 2 } });
      });
    }
    document.querySelector(`[data-graph-png="${name}"]`)?.addEventListener("click", (event) => {
      const picture = URL.createObjectURL(graph.png({ output: "blob", full: true, scale: 2, bg: color("--fn-surface") }));
      const link = Object.assign(document.createElement("a"), { href: picture, download: event.currentTarget.value });
      link.click();
      URL.revokeObjectURL(picture);
    });
    show();
    box.dispatchEvent(new CustomEvent("fanal:drawn", { bubbles: true, detail: graph }));
    box.dataset.drawn = "";
  };

  for (const box of document.querySelectorAll("[data-graph]")) draw(box);
})();
