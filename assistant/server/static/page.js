// The chat page: deep-chat shows, this file talks to /v1/chat/completions and shows the sources of an answer.
import "./deep-chat.js";
import { look } from "./look.js";

const HISTORY = 20; // messages sent along; the server keeps what fits
const chat = document.querySelector("deep-chat");
const status = document.querySelector("#status");
const fromDocuments = []; // citations by the number in data-citation

async function post(path, body, signal) {
  const headers = { "Content-Type": "application/json" };
  const key = sessionStorage.getItem("api-key");
  if (key) headers.Authorization = `Bearer ${key}`;
  const response = await fetch(path, { method: "POST", headers, body: JSON.stringify(body), signal });
  if (response.status === 401) {
    await askForKey();
    return post(path, body, signal);
  }
  if (!response.ok) {
    const { error } = await response.json().catch(() => ({}));
    throw new Error(error?.message ?? `the server answered ${response.status}`);
  }
  return response;
}

function askForKey() {
  const dialog = document.querySelector("#key");
  const input = dialog.querySelector("input");
  input.value = dialog.returnValue = "";
  dialog.showModal();
  return new Promise((resolve, reject) => {
    dialog.onclose = () => {
      if (dialog.returnValue !== "given") return reject(new Error("An API key is needed."));
      sessionStorage.setItem("api-key", input.value.trim());
      resolve();
    };
  });
}

async function* chunks(response) {
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let buffer = "";
  for (let read = await reader.read(); !read.done; read = await reader.read()) {
    const events = (buffer + read.value).split("\n\n");
    buffer = events.pop();
    for (const event of events) {
      if (event === "data: [DONE]") return;
      if (event.startsWith("data: ")) yield JSON.parse(event.slice(6));
    }
  }
  throw new Error("The connection was lost before the answer was complete.");
}

function conversation() {
  const said = chat.getMessages().filter((message) => message.text).slice(-HISTORY);
  return said.map(({ role, text }) => ({ role: role === "user" ? "user" : "assistant", content: text }));
}

async function answer(_, signals) {
  const stop = new AbortController();
  signals.stopClicked.listener = () => stop.abort();
  signals.onOpen();
  try {
    let annotations = [];
    const body = { model: "assistant", stream: true, messages: conversation() };
    for await (const chunk of chunks(await post("v1/chat/completions", body, stop.signal))) {
      if (chunk.error) throw new Error(chunk.error.message);
      const delta = chunk.choices[0]?.delta ?? {};
      if (delta.content) signals.onResponse({ text: delta.content });
      annotations = delta.annotations ?? annotations;
    }
    signals.onClose();
    if (annotations.length) chat.addMessage({ html: sources(annotations), role: "ai" });
  } catch (error) {
    signals.onClose();
    if (!stop.signal.aborted) chat.addMessage({ error: error.message });
  }
}

// Everything below that comes from a model or a document is set as text, never as HTML.
function element(name, properties, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
}

function sources(annotations) {
  const list = element("div", { className: "sources" });
  const byNumber = new Map(annotations.map(({ file_citation: citation }) => [citation.number, citation]));
  for (const citation of byNumber.values()) {
    const page = citation.page == null ? "" : `, page ${citation.page}`;
    const summary = element("summary", {}, element("b", {}, `[${citation.number}]`), ` ${citation.title}${page}`);
    const details = element("details", { className: "source" }, summary, element("blockquote", {}, citation.quote));
    details.dataset.citation = fromDocuments.push(citation) - 1;
    list.append(details);
  }
  return list.outerHTML;
}

async function showPassage({ target: details }) {
  const citation = fromDocuments[details.dataset.citation];
  if (!details.open || citation.shown) return;
  citation.shown = true;
  try {
    const { quote, source } = citation;
    const search = { query: quote.slice(0, 1000), k: 10 };
    const { passages } = await (await post("v1/knowledge/search", search)).json();
    const text = passages.find((passage) => passage.source === source && passage.text.includes(quote))?.text;
    if (!text) return;
    const start = text.indexOf(quote);
    const marked = element("mark", {}, quote);
    details.querySelector("blockquote").replaceChildren(text.slice(0, start), marked, text.slice(start + quote.length));
  } catch {
    // the quote is shown already, its surroundings are an extra
  }
}

// deep-chat lets any link of the model through: only these may be followed.
function guardLinks(event) {
  const link = event.composedPath().find((node) => node instanceof HTMLAnchorElement);
  if (link && !["http:", "https:", "mailto:"].includes(link.protocol)) event.preventDefault();
}

async function untilReady() {
  const answered = await fetch("ready").then((response) => response.json()).catch(() => ({}));
  const { status: state = "starting", parts = {} } = answered;
  const waiting = Object.entries(parts).find(([, line]) => line !== "ready");
  status.textContent = state === "ready" ? "" : waiting ? waiting.join(": ") : "starting";
  status.className = state;
  chat.disableSubmitButton(state !== "ready");
  chat.setPlaceholderText(state === "ready" ? "Ask a question" : "One moment…");
  if (state === "starting") setTimeout(untilReady, 1000);
}

Object.assign(chat, look, {
  connect: { stream: true, handler: answer },
  errorMessages: { displayServiceErrorMessages: true },
  introMessage: { text: "Ask a question about the documents. Every answer shows where it comes from." },
  htmlClassUtilities: { source: { events: { toggle: showPassage } } },
  remarkable: { html: false, breaks: true, linkTarget: "_blank" },
});
for (const kind of ["click", "auxclick"]) chat.addEventListener(kind, guardLinks);
untilReady();
