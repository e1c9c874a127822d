// The chat page: deep-chat shows, talk.js keeps the connection, sources.js shows where an answer comes from.
import "./deep-chat.js";
import { look } from "./look.js";
import { element, link, opens, under } from "./sources.js";
import { Refused, Talk } from "./talk.js";
import { language, words } from "./words.js";

const chat = document.createElement("deep-chat"); // put into the page when it knows everything: then it is drawn once
const status = document.querySelector("#status");
const spoken = document.querySelector("#spoken");
const state = { ready: "", lost: false };
const talk = new Talk({ ask: askForKey, lost });
let resumed = null; // a message of the history whose answer is still to come
let settled = () => {};

function lost(is) {
  state.lost = is;
  tell();
}

function tell() {
  const text = state.lost ? words.lost : { starting: words.starting, failed: words.failed }[state.ready] ?? "";
  if (status.textContent !== text) status.textContent = text;
  status.className = state.lost ? "lost" : state.ready;
}

function askForKey() {
  const dialog = document.querySelector("#key");
  const input = dialog.querySelector("input");
  input.value = dialog.returnValue = "";
  dialog.showModal();
  return new Promise((resolve, reject) => {
    dialog.onclose = () => {
      if (dialog.returnValue === "given") resolve(input.value.trim());
      else reject(new Refused("keyless", { message: words.keyless }));
    };
  });
}

// deep-chat calls this with what was submitted: by the visitor, or by `resume`.
async function answer({ messages }, signals) {
  const message = resumed ?? { id: talk.newId(), text: messages.at(-1).text };
  resumed = null;
  const stop = new AbortController();
  signals.stopClicked.listener = () => stop.abort();
  signals.onOpen();
  spoken.textContent = words.writing;
  let text = "";
  const grown = async (now) => {
    if (now || text) await signals.onResponse({ text: now, overwrite: true }); // shown only once this resolves
    text = now;
  };
  try {
    await talk.send(message.id, message.text, stop.signal);
    const found = await talk.read(message.id, grown, stop.signal);
    if (found?.text) await grown(found.text);
    signals.onClose();
    if (found?.text) finish(message.id, found);
    else if (found && !found.failed) note(words.stopped);
    else failed(found ? words.error : words.gone, message.text, text);
  } catch (error) {
    signals.onClose();
    if (stop.signal.aborted) await stopped(message.id);
    else failed(sentence(error), message.text, text);
  }
  lost(false);
  settled();
}

async function stopped(id) {
  note(words.stopped);
  await talk.stop(id).catch(() => {});
}

// Half an answer must not be taken for a whole one.
function failed(reason, question, half) {
  if (half) chat.updateMessage({}, chat.getMessages().length - 1);
  trouble(reason, question);
}

function finish(id, found) {
  link(bubbles().at(-1), id, found, open);
  chat.addMessage({ html: under(id, found), role: "ai" });
  spoken.textContent = found.text;
}

const bubbles = () => [...chat.shadowRoot.querySelectorAll(".ai-message-text:not(.html-message)")];

function sentence(error) {
  const known = { rate_limit_exceeded: words.often(error.after ?? 60), too_long: words.long, keyless: words.keyless };
  return known[error.code] ?? words.error;
}

function trouble(text, question) {
  spoken.textContent = "";
  const again = element("button", { className: "again", type: "button", data: { question } }, words.again);
  const box = element("div", { className: "trouble" }, element("span", {}, text), again);
  box.setAttribute("role", "alert");
  chat.addMessage({ html: box.outerHTML, role: "ai" });
}

function note(text) {
  spoken.textContent = text;
  chat.addMessage({ html: element("div", { className: "note" }, text).outerHTML, role: "ai" });
}

function again({ currentTarget }) {
  currentTarget.disabled = true;
  chat.submitUserMessage({ text: currentTarget.dataset.question });
}

async function judge({ currentTarget: button }) {
  const { key, value } = button.dataset;
  for (const each of button.parentElement.querySelectorAll("button")) {
    each.setAttribute("aria-pressed", String(each === button));
  }
  await talk.opinion(key, value === "up").catch(() => button.setAttribute("aria-pressed", "false"));
  if (button.getAttribute("aria-pressed") === "true") spoken.textContent = words.thanks;
}

function open(id, number) {
  const details = chat.shadowRoot.querySelector(`details[data-key="${id}"][data-number="${number}"]`);
  details.open = true;
  details.querySelector("summary").focus();
  details.scrollIntoView({ block: "nearest" });
}

// deep-chat lets any link of the model through: only these may be followed.
function guardLinks(event) {
  const clicked = event.composedPath().find((node) => node instanceof HTMLAnchorElement);
  if (clicked && !["http:", "https:", "mailto:"].includes(clicked.protocol)) event.preventDefault();
}

async function restore() {
  const waiting = [];
  for (const message of await talk.history()) {
    if (!message.answer) {
      waiting.push(message);
      continue;
    }
    chat.addMessage({ text: message.text, role: "user" });
    if (message.answer.text) {
      chat.addMessage({ text: message.answer.text, role: "ai" });
      link(bubbles().at(-1), message.id, message.answer, open);
      chat.addMessage({ html: under(message.id, message.answer, message.opinion), role: "ai" });
    } else if (message.answer.failed) trouble(words.error, message.text);
    else note(words.stopped);
  }
  return waiting;
}

async function resume(messages) {
  for (const message of messages) {
    const done = new Promise((resolve) => (settled = resolve));
    resumed = message;
    chat.submitUserMessage({ text: message.text });
    await done;
  }
}

async function untilReady() {
  const answered = await fetch("ready").then((response) => response.json()).catch(() => ({}));
  state.ready = answered.status ?? "starting";
  tell();
  if (state.ready === "starting") setTimeout(untilReady, 1000);
}

async function fresh() {
  await talk.reset();
  location.reload();
}

// On a busy machine deep-chat draws twice: by a timer of its own, and two timers after its properties were set.
async function drawn() {
  for (let turn = 0; turn < 3; turn += 1) await new Promise((resolve) => setTimeout(resolve, 10));
}

async function begin() {
  await drawn();
  chat.disableSubmitButton(true);
  label();
  untilReady();
  const waiting = await restore().catch(() => []);
  chat.disableSubmitButton(false);
  if (parent === window) type();
  addEventListener("focus", type);
  await resume(waiting);
}

// What deep-chat leaves out for those who hear the page.
function label() {
  const log = chat.shadowRoot.querySelector("#messages");
  log.setAttribute("role", "log");
  log.setAttribute("aria-live", "off"); // an answer is read out once it is whole, not word by word
  log.setAttribute("aria-label", words.conversation);
  log.tabIndex = 0;
}

// Ready to type: when the page is opened, and when the site around it opens its frame; not where that raises a keyboard.
function type() {
  if (matchMedia("(pointer: fine)").matches && document.activeElement === document.body) chat.focusInput();
}

document.documentElement.lang = language;
document.querySelector("#fresh").title = words.fresh;
document.querySelector("#fresh").setAttribute("aria-label", words.fresh);
document.querySelector("#fresh").onclick = fresh;
document.querySelector("#key-label").textContent = words.key;
document.querySelector("#key button").textContent = words.proceed;
addEventListener("keydown", (event) => {
  const closes = event.key === "Escape" && !event.isComposing && !document.querySelector("dialog[open]");
  if (closes && parent !== window) parent.postMessage("assistant-chat:close", "*");
});
for (const kind of ["click", "auxclick"]) chat.addEventListener(kind, guardLinks);
chat.addEventListener("render", begin, { once: true });
Object.assign(chat, look, {
  connect: { stream: true, handler: answer },
  introMessage: { text: document.body.dataset.greeting || words.greeting },
  htmlClassUtilities: {
    source: { events: { toggle: opens(talk) } },
    opinion: { events: { click: judge } },
    again: { events: { click: again } },
  },
  remarkable: { html: false, breaks: true, linkTarget: "_blank" },
});
chat.style.fontFamily = "inherit"; // without a font of its own deep-chat would ask another host for one
document.querySelector("main").append(chat);
