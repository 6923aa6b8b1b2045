"use strict";
// Values of /status only become text nodes and attribute values, never markup.
const POINTS = 120, COLORS = { writer: "var(--writer)", replica: "var(--replica)", local: "var(--good)", rejected: "var(--bad)" };
const past = { targets: {}, lag: {} };
let previous = null;
const byId = id => document.getElementById(id);
function element(tag, className, text) {
  const e = document.createElement(tag);
  if (className) e.className = className;
  if (text !== undefined) e.textContent = text;
  return e;
}
function shape(tag, attributes, text) {
  const e = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const name in attributes) e.setAttribute(name, attributes[name]);
  if (text !== undefined) e.textContent = text;
  return e;
}
function remember(series, key, value) {
  const list = series[key] || (series[key] = []);
  list.push(value);
  if (list.length > POINTS) list.shift();
  return list;
}
function plot(values, max, color) {
  const step = 120 / (POINTS - 1), start = POINTS - values.length;
  const points = values.map((v, i) => ((start + i) * step).toFixed(1) + "," + (58 - 56 * (max ? v / max : 0)).toFixed(1));
  return shape("polyline", { points: points.join(" "), stroke: color });
}
const format = v => v >= 1000 ? Math.round(v).toLocaleString("en") : String(Math.round(v * 10) / 10);
const roleColor = node => !node.up ? "var(--bad)" : node.role === "writer" ? "var(--writer)" : node.role === "replica" ? "var(--replica)" : "var(--other)";
function drawTopology(nodes) {
  const width = 900, gap = width / Math.max(nodes.length, 1), svg = byId("topology");
  svg.setAttribute("viewBox", "0 0 " + width + " 180");
  svg.replaceChildren();
  nodes.forEach((node, i) => {
    const x = gap * (i + .5);
    svg.append(shape("line", { x1: width / 2, y1: 36, x2: x, y2: 125, "stroke-dasharray": node.usable === false || !node.up ? "4 4" : "none" }));
    svg.append(shape("circle", { cx: x, cy: 130, r: 11, fill: roleColor(node) }));
    svg.append(shape("text", { x: x, y: 158 }, node.name));
    svg.append(shape("text", { x: x, y: 174, opacity: .7 }, node.up ? node.role : "down"));
  });
  svg.append(shape("rect", { x: width / 2 - 55, y: 8, width: 110, height: 30, rx: 8, fill: "var(--good)" }));
  svg.append(shape("text", { x: width / 2, y: 28 }, "Causeway"));
}
function drawNodes(nodes, seconds) {
  byId("nodes").replaceChildren(...nodes.map(node => {
    const card = element("div", "card " + (node.up ? node.role : "down"));
    card.append(element("div", "name", node.name));
    card.append(element("div", node.up ? "good" : "bad", node.up ? node.role + (node.usable === false ? ", not used" : "") : "down"));
    if (node.monitor_refused) card.append(element("div", "bad", "does not let the monitor in" + (node.last_error ? ": " + node.last_error : "")));
    const before = previous && (previous.nodes || []).find(n => n.name === node.name);
    const rate = before && seconds > 0 ? Math.max(0, (node.statements || 0) - (before.statements || 0)) / seconds : 0;
    card.append(element("div", "", format(rate) + " statements/s, " + (node.leases || 0) + " of " + (node.connections || 0) + " connections in use"));
    if (typeof node.lag_seconds === "number") {
      const lag = remember(past.lag, node.name, node.lag_seconds);
      card.append(element("div", "", "lag " + node.lag_seconds.toFixed(3) + " s"));
      const svg = shape("svg", { viewBox: "0 0 120 60", preserveAspectRatio: "none" });
      svg.append(plot(lag, Math.max(...lag, .1), "var(--replica)"));
      card.append(svg);
    }
    if (node.position) card.append(element("div", "dim", node.position));
    return card;
  }));
}
function drawSplit(statements, seconds) {
  const rates = {};
  let sum = 0, max = 1;
  for (const target in COLORS) {
    const before = previous && previous.statements ? previous.statements[target] || 0 : null;
    rates[target] = before === null || seconds <= 0 ? 0 : Math.max(0, ((statements || {})[target] || 0) - before) / seconds;
    sum += rates[target];
    max = Math.max(max, ...remember(past.targets, target, rates[target]));
  }
  byId("split").replaceChildren(...Object.keys(COLORS).map(target => {
    const part = element("div");
    part.style.width = (sum ? 100 * rates[target] / sum : 0) + "%";
    part.style.background = COLORS[target];
    part.title = target;
    return part;
  }));
  byId("legend").textContent = Object.keys(COLORS).map(t => t + " " + format(rates[t])).join(" · ") + " · highest " + format(max);
  byId("rates").replaceChildren(...Object.keys(COLORS).map(t => plot(past.targets[t], max, COLORS[t])));
}
function drawNumbers(status) {
  const rows = [], waits = status.read_waits || {};
  rows.push(["reads that waited", waits.count || 0], ["mean wait", waits.count ? (1000 * waits.seconds / waits.count).toFixed(2) + " ms" : "-"], ["waits timed out", waits.timeouts || 0]);
  for (const reason in status.pins || {}) rows.push(["pinned: " + reason, status.pins[reason]]);
  byId("numbers").replaceChildren(...rows.map(row => {
    const tr = element("tr");
    tr.append(element("td", "", row[0]), element("td", "", row[1]));
    return tr;
  }));
}
function drawStreams(streams) {
  byId("readers").hidden = streams.length === 0;
  const shown = value => value === null || value === undefined || value === "" ? "-" : String(value);
  const row = (tag, cells) => {
    const tr = element("tr");
    cells.forEach(cell => tr.append(element(tag, "", cell)));
    return tr;
  };
  byId("streams").replaceChildren(row("th", ["server id", "client", "from", "at", "last transaction", "lag", "transactions", "since"]), ...streams.map(s => row("td", [
    shown(s.server_id), s.user + " from " + s.client + (s.until_end ? ", until the end" : ""), shown(s.node), s.file ? s.file + ":" + s.position : "-", shown(s.gtid),
    (s.lag_seconds === null ? "-" : s.lag_seconds + " s") + (s.lag_bytes === null ? "" : ", " + format(s.lag_bytes) + " bytes"), format(s.transactions), shown(s.since)])));
}
function draw(status) {
  const seconds = previous ? (status.received - previous.received) / 1000 : 0, nodes = status.nodes || [];
  byId("state").className = status.ready ? "good" : "bad";
  byId("state").textContent = (status.ready ? "ready" : "not ready") + (status.reason ? ": " + status.reason : "");
  byId("facts").textContent = [status.version, (status.sessions || 0) + " sessions, " + (status.forwarding_sessions || 0) + " forwarding", "up " + Math.round(status.uptime_seconds || 0) + " s"].filter(Boolean).join(" · ");
  drawTopology(nodes);
  drawNodes(nodes, seconds);
  drawSplit(status.statements, seconds);
  drawNumbers(status);
  drawStreams(status.streams || []);
  previous = status;
}
async function poll() {
  try {
    const response = await fetch("status", { cache: "no-store" });
    if (!response.ok) throw new Error("status " + response.status);
    const status = await response.json();
    status.received = performance.now();
    draw(status);
  } catch (error) {
    byId("state").className = "bad";
    byId("state").textContent = "no answer: " + error.message;
  }
  setTimeout(poll, 1000);
}
poll();
