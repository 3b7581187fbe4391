// The protocol of MCP Apps with whoever frames this document: JSON-RPC by postMessage, and nothing else leaves it.
// This view only asks its own server's tools; it writes nothing into the conversation and opens no addresses.
const PROTOCOL = "2026-01-26";
const view = document.getElementById("view");
const handlers = new Map();
const unanswered = new Map();
let capabilities = {};
let context = {};
let lastId = 0;

const post = (message) => parent.postMessage({ jsonrpc: "2.0", ...message }, "*");
const notify = (method, params = {}) => post({ method, params });
const ask = (method, params) =>
  new Promise((resolve, reject) => {
    const id = ++lastId;
    unanswered.set(id, { resolve, reject });
    post({ id, method, params });
  });
const on = (method, act) => handlers.set(method, act);
const canCall = () => capabilities.serverTools !== undefined;
const call = (name, args) => ask("tools/call", { name, arguments: args });

const answered = (message) => {
  const waiting = unanswered.get(message.id);
  if (waiting === undefined) return;
  unanswered.delete(message.id);
  if (message.error === undefined) waiting.resolve(message.result);
  else waiting.reject(new Error(String(message.error?.message ?? "The host refused.")));
};

const asked = ({ id, method }) => {
  if (method === "ping" || method === "ui/resource-teardown") post({ id, result: {} });
  else post({ id, error: { code: -32601, message: "This view has no such method." } });
};

addEventListener("message", (event) => {
  const message = event.data;
  if (event.source !== parent || parent === window || message === null || typeof message !== "object") return;
  if (message.jsonrpc !== "2.0") return;
  if (message.method === undefined) answered(message);
  else if (message.id !== undefined) asked(message);
  else handlers.get(message.method)?.(message.params ?? {});
});

const adopt = (changes) => {
  context = { ...context, ...changes };
  const root = document.documentElement;
  if (context.theme === "light" || context.theme === "dark") root.dataset.theme = context.theme;
  for (const name of ["sans", "mono"]) {
    const font = context.styles?.variables?.[`--font-${name}`];
    if (typeof font === "string") root.style.setProperty(`--${name}`, font);
  }
};

const tellSize = () => {
  const height = Math.ceil(document.body.getBoundingClientRect().height);
  const room = context.containerDimensions ?? {};
  notify("ui/notifications/size-changed", { width: room.width ?? Math.min(room.maxWidth ?? 720, 720), height });
};

const connect = async () => {
  if (parent === window) return;
  const answer = await ask("ui/initialize", {
    protocolVersion: PROTOCOL,
    appInfo: { name: "mnemic", title: KNOWN.title, version: KNOWN.version },
    appCapabilities: { availableDisplayModes: ["inline", "fullscreen"] },
  });
  capabilities = answer.hostCapabilities ?? {};
  adopt(answer.hostContext ?? {});
  on("ui/notifications/host-context-changed", adopt);
  new ResizeObserver(tellSize).observe(document.body);
  notify("ui/notifications/initialized");
};
