// What is stored becomes text nodes and never markup. What hides, reorders or cannot be seen in it is written out.
const SVG = "http://www.w3.org/2000/svg";
const HIDES = /(?![\n\t\u200c\u200d])[\p{C}\p{Zl}\p{Zp}\u115f\u1160\u3164\uffa0]/u;

const element = (name, attributes = {}, ...children) => {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key === "click") made.addEventListener("click", value);
    else made.setAttribute(key, value);
  }
  made.append(...children.filter((child) => child !== null && child !== undefined && child !== ""));
  return made;
};

const drawn = (name, attributes, ...children) => {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
};

const escapeOf = (char) => {
  const code = char.codePointAt(0);
  return code < 0x10000 ? `\\u${code.toString(16).padStart(4, "0")}` : `\\U${code.toString(16).padStart(8, "0")}`;
};

// A text as nodes, with hidden characters written out. `limit` counts characters as the server does: code points.
const asData = (text, limit = Infinity) => {
  const nodes = [];
  let run = "";
  const characters = [...String(text ?? "")];
  for (const char of characters.length > limit ? [...characters.slice(0, limit - 1), "…"] : characters) {
    if (HIDES.test(char)) {
      nodes.push(run, element("span", { class: "hidden", title: "a character that hides or reorders" }, escapeOf(char)));
      run = "";
    } else run += char;
  }
  return [...nodes, run];
};

// A text with parts of it marked: [start, end, why] in code points; where they overlap, the first.
const asMarked = (text, parts) => {
  const characters = [...text];
  const nodes = [];
  let at = 0;
  for (const [start, end, why] of [...parts].sort((one, other) => one[0] - other[0])) {
    const [from, to] = [Math.max(start, at), Math.min(end, characters.length)];
    if (from >= to) continue;
    nodes.push(...asData(characters.slice(at, from).join("")));
    nodes.push(element("mark", { title: why }, ...asData(characters.slice(from, to).join(""))));
    at = to;
  }
  return [...nodes, ...asData(characters.slice(at).join(""))];
};

const AGES = [["year", 365.25], ["month", 30.44], ["week", 7], ["day", 1]];
const ago = (day) => {
  const days = (Date.parse(day) - Date.now()) / 86_400_000;
  if (Number.isNaN(days)) return "";
  const [unit, length] = AGES.find(([, size]) => Math.abs(days) >= size) ?? AGES[3];
  return new Intl.RelativeTimeFormat("en", { numeric: "auto" }).format(Math.trunc(days / length), unit);
};

const textOf = (result) =>
  (result.content ?? []).filter((part) => part?.type === "text").map((part) => part.text).join("\n");

// For a host that hands on the words alone, and for errors, which are words alone.
const asWords = (result) =>
  element("div", { class: result.isError ? "note" : "data", dir: "auto", role: result.isError ? "alert" : "note" }, ...asData(textOf(result)));

const show = (...nodes) => {
  view.setAttribute("aria-busy", "false");
  view.replaceChildren(...nodes.filter((node) => node !== null && node !== ""));
};
const busy = () => view.setAttribute("aria-busy", "true");
