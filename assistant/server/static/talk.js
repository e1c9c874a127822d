// Talks to /chat: a message is sent until it is recorded, an answer is read until it is whole, whatever the network does.
const STALLED = 40_000; // ms without a byte; the server sends a sign of life every 15 s
const LONGEST_WAIT = 10_000;
const KEPT = 50; // messages the history is asked for

export class Refused extends Error {
  // The server said no: trying the same again at once does not help.
  constructor(code, { message, after } = {}) {
    super(message ?? code);
    this.code = code;
    this.after = after;
  }
}

class Lost extends Error {
  constructor(after) {
    super("lost");
    this.after = after;
  }
}

// What this tab knows of its session; a browser may keep storage from a page that is embedded elsewhere.
const memory = { session: null, ids: [], unsent: {}, key: null, ...load() };

function load() {
  try {
    return JSON.parse(sessionStorage.getItem("chat") ?? "{}");
  } catch {
    return {};
  }
}

function keep(changes) {
  Object.assign(memory, changes);
  try {
    sessionStorage.setItem("chat", JSON.stringify(memory));
  } catch {
    // then it lasts as long as the page
  }
}

function random(bytes) {
  const drawn = String.fromCharCode(...crypto.getRandomValues(new Uint8Array(bytes)));
  return btoa(drawn).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

export class Talk {
  // `ask` resolves to an API key or throws; `lost` is told true when the connection goes and false when it is back.
  constructor({ ask, lost }) {
    this.ask = ask;
    this.lost = lost;
  }

  newId() {
    return random(18);
  }

  get ids() {
    return memory.ids;
  }

  // Send a message; resolves when the server has recorded it. The same id is never answered twice.
  async send(id, text, signal) {
    const ids = memory.ids.includes(id) ? memory.ids : [...memory.ids, id].slice(-KEPT);
    keep({ ids, unsent: { ...memory.unsent, [id]: text } });
    try {
      await this.#insist(() => this.#request("POST", "chat/messages", { body: { id, text }, signal }), signal);
    } catch (error) {
      if (error instanceof Refused) this.forget(id);
      throw error;
    }
    this.#sent(id);
  }

  #sent(id) {
    const { [id]: _, ...unsent } = memory.unsent;
    keep({ unsent });
  }

  forget(id) {
    this.#sent(id);
    keep({ ids: memory.ids.filter((each) => each !== id) });
  }

  // Read an answer; `grown` gets the whole text so far. Resolves to the answer, null where the server knows none.
  async read(id, grown, signal) {
    const at = { last: "", text: "" };
    return this.#insist(() => this.#follow(id, at, grown, signal), signal);
  }

  async #follow(id, at, grown, signal) {
    const headers = at.last ? { "Last-Event-ID": at.last } : {};
    const cut = new AbortController();
    const both = AbortSignal.any([signal, cut.signal]);
    const online = () => cut.abort(); // what was connected before is not any more
    addEventListener("online", online);
    addEventListener("offline", online);
    try {
      const response = await this.#request("GET", `chat/events?id=${id}`, { headers, signal: both });
      for await (const event of events(response, cut)) {
        this.lost(false);
        if (event.name === "answer") return event.data;
        if (event.name === "gone") return null;
        at.text = event.name === "reset" ? "" : at.text + (event.data.text ?? "");
        at.last = event.id;
        await grown(at.text);
      }
    } catch (error) {
      if (signal.aborted || error instanceof Refused || error instanceof Lost) throw error;
    } finally {
      removeEventListener("online", online);
      removeEventListener("offline", online);
    }
    throw new Lost();
  }

  // Stop the answer to a message, also where it only waits; what the server may not have is not sent again.
  async stop(id) {
    if (memory.unsent[id]) this.forget(id);
    await this.#request("POST", `chat/stop?id=${id}`);
  }

  // What was said in this session: {id, text, answer}; an answer that is not there yet is null.
  async history() {
    if (!memory.ids.length) return [];
    const query = memory.ids.map((id) => `id=${id}`).join("&");
    const ask = () => this.#request("GET", `chat/history?${query}`).then((response) => response.json());
    const { messages } = await this.#insist(ask, new AbortController().signal);
    const known = new Map(messages.map((message) => [message.id, message]));
    const unsent = (id) => (memory.unsent[id] ? { id, text: memory.unsent[id], answer: null } : null);
    return memory.ids.map((id) => known.get(id) ?? unsent(id)).filter(Boolean);
  }

  async passage(id, number) {
    return (await this.#request("GET", `chat/passage?id=${id}&number=${number}`)).json();
  }

  async opinion(message, helpful) {
    await this.#request("POST", "chat/feedback", { body: { message, helpful } });
  }

  // Forget what was said, here and there; the next message begins a new session.
  async reset() {
    if (memory.session) await this.#request("DELETE", "chat").catch(() => {});
    keep({ session: null, ids: [], unsent: {} });
  }

  async #session() {
    if (!memory.session) {
      const response = await this.#fetch("chat/session", { method: "POST" });
      keep({ session: (await response.json()).session });
    }
    return memory.session;
  }

  async #request(method, path, { body, headers, signal } = {}) {
    const all = { "Chat-Session": await this.#session(), ...headers };
    if (body) all["Content-Type"] = "application/json";
    return this.#fetch(path, { method, headers: all, body: body && JSON.stringify(body), signal });
  }

  async #fetch(path, options) {
    const headers = { ...options.headers, ...(memory.key ? { Authorization: `Bearer ${memory.key}` } : {}) };
    let response;
    try {
      response = await fetch(path, { ...options, headers, cache: "no-store" });
    } catch (error) {
      if (options.signal?.aborted) throw error;
      throw new Lost();
    }
    if (response.ok) return response;
    const after = Number(response.headers.get("Retry-After")) || undefined;
    const later = response.status === 429 && options.method === "GET"; // what is read is only late, not refused
    if (response.status >= 500 || later) throw new Lost(after);
    if (response.status === 401) {
      keep({ key: await this.ask() });
      return this.#fetch(path, options);
    }
    const { error } = await response.json().catch(() => ({}));
    throw new Refused(error?.code ?? String(response.status), { message: error?.message, after });
  }

  async #insist(work, signal) {
    for (let wait = 250; ; wait = Math.min(2 * wait, LONGEST_WAIT)) {
      try {
        const done = await work();
        this.lost(false);
        return done;
      } catch (error) {
        if (!(error instanceof Lost) || signal.aborted) throw error;
        this.lost(true);
        await pause(Math.max(wait * (0.5 + Math.random() / 2), 1000 * (error.after ?? 0)), signal);
      }
    }
  }
}

// Wait, or until the browser says that it is online again.
function pause(milliseconds, signal) {
  return new Promise((resolve, reject) => {
    const done = (settle) => () => {
      clearTimeout(timer);
      removeEventListener("online", awake);
      signal.removeEventListener("abort", aborted);
      settle();
    };
    const awake = done(resolve);
    const aborted = done(() => reject(signal.reason));
    const timer = setTimeout(awake, milliseconds);
    addEventListener("online", awake);
    signal.addEventListener("abort", aborted);
  });
}

async function* events(response, cut) {
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let buffer = "";
  for (;;) {
    const stalled = setTimeout(() => cut.abort(), STALLED);
    const { value, done } = await reader.read().finally(() => clearTimeout(stalled));
    if (done) return;
    const blocks = (buffer + value.replaceAll("\r", "")).split("\n\n");
    buffer = blocks.pop();
    for (const block of blocks) {
      const fields = Object.fromEntries(block.split("\n").map((line) => line.split(/: ?(.*)/s, 2)));
      if (fields.event) yield { name: fields.event, id: fields.id, data: JSON.parse(fields.data) };
    }
  }
}
