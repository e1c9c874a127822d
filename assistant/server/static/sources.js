// What stands under an answer: its sources, which open the passage, and what the visitor thinks of it.
// Text of models and documents is set as text, never as HTML.
import { words } from "./words.js";

const THUMB = `<svg viewBox="0 0 24 24" aria-hidden="true"><path d="M2 10h4v11H2zM22 11a2 2 0 0 0-2-2h-6l1-4.500v-.5a1.500
  1.500 0 0 0-.5-1L13.500 2 7.600 7.900A2 2 0 0 0 7 9.300V19a2 2 0 0 0 2 2h8.500a2 2 0 0 0 1.800-1.200l2.600-6.100a2 2 0 0 0 .1-.7z"/></svg>`;
const shown = new Map(); // by the key in data-key: the answer, and which passages are there

export function element(name, properties = {}, ...children) {
  const { data = {}, ...own } = properties;
  const made = Object.assign(document.createElement(name), own);
  Object.assign(made.dataset, data);
  made.append(...children);
  return made;
}

// The HTML under the answer to the message `id`; `opinion` is "up" or "down" where the visitor has one.
export function under(id, answer, opinion = null) {
  shown.set(id, answer);
  const box = element("div", { className: "under" });
  if (answer.citations.length) box.append(list(id, answer));
  const thumbs = [["up", words.helpful], ["down", words.unhelpful]];
  const rate = ([value, label]) => {
    const button = element("button", { className: "opinion", type: "button", title: label, data: { key: id, value } });
    button.innerHTML = THUMB;
    button.setAttribute("aria-label", label);
    button.setAttribute("aria-pressed", String(value === opinion));
    return button;
  };
  const opinions = element("div", { className: "opinions" }, ...thumbs.map(rate));
  opinions.setAttribute("role", "group");
  opinions.setAttribute("aria-label", words.opinion);
  box.append(opinions);
  return box.outerHTML;
}

function list(id, { citations }) {
  const sources = element("section", { className: "sources" }, element("h3", {}, words.sources));
  for (const { number, title, page, quote, url } of citations) {
    const place = page == null ? "" : `, ${words.page} ${page}`;
    const summary = element("summary", {}, element("b", {}, `[${number}]`), ` ${title}${place}`);
    const details = element("details", { className: "source", data: { key: id, number } }, summary);
    details.append(element("blockquote", { tabIndex: 0 }, quote));
    if (url) details.append(element("a", { href: url, target: "_blank", rel: "noopener noreferrer" }, words.original));
    sources.append(details);
  }
  return sources;
}

// Show the passage around the quote when a source is opened; the quote alone is there already.
export function opens(talk) {
  return async ({ target: details }) => {
    const { key, number } = details.dataset;
    if (!details.open || details.dataset.whole || !shown.has(key)) return;
    details.dataset.whole = "yes";
    try {
      const { text, start, end } = await talk.passage(key, number);
      const [before, quote, after] = cut(text, start, end);
      details.querySelector("blockquote").replaceChildren(before, element("mark", {}, quote), after);
    } catch {
      delete details.dataset.whole;
    }
  };
}

// Python counts characters, JavaScript halves of some of them.
function cut(text, start, end) {
  const characters = [...text];
  return [characters.slice(0, start), characters.slice(start, end), characters.slice(end)].map((part) => part.join(""));
}

// Make every [n] of a rendered answer open its source.
export function link(bubble, id, { citations }, open) {
  const numbers = new Set(citations.map(({ number }) => number));
  const walker = document.createTreeWalker(bubble, NodeFilter.SHOW_TEXT);
  const texts = [];
  while (walker.nextNode()) if (!walker.currentNode.parentElement.closest("a, code, pre")) texts.push(walker.currentNode);
  for (const node of texts) {
    const parts = node.data.split(/(\[\d+\])/);
    if (parts.length > 1) node.replaceWith(...parts.map((part) => mark(part, numbers, id, open)));
  }
}

function mark(part, numbers, id, open) {
  const number = Number(part.match(/^\[(\d+)\]$/)?.[1]);
  if (!numbers.has(number)) return part;
  const button = element("button", { className: "mark", type: "button", onclick: () => open(id, number) }, part);
  button.setAttribute("aria-label", `${words.source} ${number}`);
  return button;
}
