// Puts the chat into another site: <script src="https://HOST/static/embed.js" data-label="Ask us" async></script>
// data-label: name of the button; data-colour: its colour; data-side: "left" or "right" (the default).
(() => {
  const script = document.currentScript;
  const { label = "Chat", colour = "#1f5fbf", side = "right" } = script.dataset;
  const page = new URL("../embed", script.src);
  const host = document.createElement("div");
  const root = host.attachShadow({ mode: "open" });
  const sheet = new CSSStyleSheet(); // works under a site's style-src, where a style element may not
  sheet.replaceSync(`
    :host { all: initial; }
    button, .frame { position: fixed; z-index: 2147483000; ${side === "left" ? "left" : "right"}: 1.25rem; }
    button { bottom: 1.25rem; width: 3.5rem; height: 3.5rem; border: 0; border-radius: 50%; cursor: pointer;
      box-shadow: 0 4px 16px rgb(0 0 0 / 30%); display: grid; place-items: center; }
    button:focus-visible { outline: 3px solid #fff; box-shadow: 0 0 0 6px #1a56b0; }
    svg { width: 1.6rem; height: 1.6rem; fill: currentColor; }
    .frame { bottom: 5.5rem; width: min(25rem, calc(100vw - 2.5rem)); height: min(38rem, calc(100vh - 7rem));
      border-radius: 1rem; overflow: hidden; box-shadow: 0 8px 40px rgb(0 0 0 / 35%); background: Canvas; }
    .frame[hidden] { display: none; }
    iframe { width: 100%; height: 100%; border: 0; display: block; }
    @media (max-width: 30rem) {
      .frame { inset: 0 0 5rem 0; width: auto; height: auto; border-radius: 0; }
    }`);
  root.adoptedStyleSheets = [sheet];

  const button = document.createElement("button");
  button.type = "button";
  button.style.background = /^#[0-9a-f]{6}$/i.test(colour) ? colour : "#1f5fbf";
  button.style.color = luminance(button.style.background) > 0.18 ? "#000" : "#fff";
  const frame = document.createElement("div");
  frame.className = "frame";
  frame.id = "frame";
  frame.hidden = true;
  frame.setAttribute("role", "dialog");
  frame.setAttribute("aria-label", label);
  button.setAttribute("aria-controls", "frame");
  root.append(frame, button);
  let inside = null;

  function show(open) {
    if (open && !inside) {
      inside = document.createElement("iframe");
      inside.title = label;
      inside.src = page.href;
      inside.onload = () => frame.hidden || inside.focus();
      frame.append(inside);
    }
    frame.hidden = !open;
    button.setAttribute("aria-expanded", String(open));
    button.setAttribute("aria-label", label);
    draw(open ? "M6.400 5 12 10.600 17.600 5 19 6.400 13.400 12 19 17.600 17.600 19 12 13.400 6.400 19 5 17.600 10.600 12 5 6.400z"
      : "M4 3h16a2 2 0 0 1 2 2v11a2 2 0 0 1-2 2H9l-5 4v-4a2 2 0 0 1-2-2V5a2 2 0 0 1 2-2z");
    if (open) inside.focus();
    else if (inside) button.focus();
  }

  function draw(shape) {
    const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
    svg.setAttribute("viewBox", "0 0 24 24");
    svg.setAttribute("aria-hidden", "true");
    path.setAttribute("d", shape);
    svg.append(path);
    button.replaceChildren(svg);
  }

  // Relative luminance of WCAG 2.2; above 0.18 black has the higher contrast.
  function luminance(rgb) {
    const [red, green, blue] = rgb.match(/\d+/g).map((part) => {
      const value = part / 255;
      return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  }

  button.onclick = () => show(frame.hidden);
  host.addEventListener("keydown", (event) => event.key === "Escape" && show(false));
  addEventListener("message", (event) => {
    const ours = inside && event.source === inside.contentWindow && event.origin === page.origin;
    if (ours && event.data === "assistant-chat:close") show(false);
  });
  show(false);
  const put = () => document.body.append(host);
  document.body ? put() : addEventListener("DOMContentLoaded", put);
})();
