// How deep-chat looks here: the colours are page.css's, and so follow light and dark.
import { words } from "./words.js";

const bubble = { maxWidth: "85%", borderRadius: "1rem", padding: "0.6rem 0.95rem", fontSize: "1rem", lineHeight: "1.5" };
const heard = { position: "absolute", width: "1px", height: "1px", overflow: "hidden", clipPath: "inset(50%)" };
const icon = (label, shape) => ({
  content: `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24" role="img" aria-label="${label}">${shape}</svg>`,
  styles: { default: { width: "1.25rem", height: "1.25rem", fill: "currentColor", filter: "none", margin: "0" } },
});
const button = {
  default: { width: "2.25rem", height: "2.25rem", borderRadius: "50%", display: "flex", alignItems: "center",
    justifyContent: "center", backgroundColor: "var(--mine)", color: "var(--mine-text)", bottom: "0.9rem", right: "1.05rem" },
  hover: { filter: "brightness(1.1)" },
};
const resting = { default: { ...button.default, backgroundColor: "transparent", color: "var(--muted)" } };

export const look = {
  chatStyle: { backgroundColor: "var(--page)", fontFamily: "inherit" },
  messageStyles: {
    default: {
      shared: { bubble },
      ai: { bubble: { backgroundColor: "var(--surface)", color: "var(--text)", border: "1px solid var(--line)" } },
      user: { bubble: { backgroundColor: "var(--mine)", color: "var(--mine-text)", overflowWrap: "anywhere" } },
    },
    html: {
      shared: { bubble: { backgroundColor: "transparent", border: "0", padding: "0 0.4rem", width: "85%", maxWidth: "85%" } },
    },
    loading: { message: { styles: { bubble: { backgroundColor: "transparent", border: "0" } } } },
  },
  names: {
    user: { text: words.you, position: "start" },
    ai: { text: words.me, position: "start" },
    default: { style: heard },
  },
  textInput: {
    placeholder: { text: words.ask, style: { color: "var(--muted)" } },
    styles: {
      container: { backgroundColor: "var(--surface)", border: "1px solid var(--line)", borderRadius: "1.5rem",
        width: "calc(100% - 1.5rem)", margin: "0.5rem auto 0.75rem", boxShadow: "none" },
      text: { color: "var(--text)", fontSize: "1rem", padding: "0.75rem 3.25rem 0.75rem 1.1rem" },
      focus: { borderColor: "var(--focus)" },
    },
  },
  submitButtonStyles: {
    submit: { container: button, svg: icon(words.send, '<path d="M12 4l7 7-1.5 1.5L13 8v12h-2V8l-4.500 4.500L5 11z"/>') },
    disabled: { container: resting, svg: icon(words.send, '<path d="M12 4l7 7-1.5 1.5L13 8v12h-2V8l-4.500 4.500L5 11z"/>') },
    loading: { container: resting, svg: icon(words.wait, '<circle cx="5" cy="12" r="2"/><circle cx="12" cy="12" r="2"/><circle cx="19" cy="12" r="2"/>') },
    stop: { container: button, svg: icon(words.stop, '<rect x="6" y="6" width="12" height="12" rx="2"/>') },
  },
  auxiliaryStyle: `
    ::-webkit-scrollbar { width: 0.6rem; }
    ::-webkit-scrollbar-thumb { background: var(--line); border-radius: 0.3rem; }
    :focus-visible { outline: 2px solid var(--focus); outline-offset: 2px; }
    a { color: var(--link); }
    .user-message-text a { color: inherit; }
    pre { overflow-x: auto; background: var(--page); padding: 0.6rem; border-radius: 0.5rem; }
    pre, pre code, code { color: inherit !important; }
    code { font-size: 0.9em; }
    .ai-message-text > :last-child { margin-bottom: 0; }
    table { display: block; overflow-x: auto; border-collapse: collapse; }
    th, td { border: 1px solid var(--line); padding: 0.2rem 0.5rem; }
    button { font: inherit; color: inherit; cursor: pointer; }
    .mark { border: 0; background: none; padding: 0 0.1rem; color: var(--link); font-size: 0.85em; }
    .mark:hover { text-decoration: underline; }
    .sources h3 { margin: 0.2rem 0; font-size: 0.8rem; color: var(--muted); font-weight: 600; }
    .source { border-top: 1px solid var(--line); padding: 0.35rem 0; color: var(--text); font-size: 0.9rem; }
    .source summary { cursor: pointer; overflow-wrap: anywhere; border-radius: 0.25rem; }
    .source b { color: var(--link); }
    .source blockquote { margin: 0.5rem 0 0.4rem 0.2rem; padding-left: 0.7rem; border-left: 3px solid var(--mine);
      color: var(--muted); white-space: pre-wrap; overflow-wrap: anywhere; max-height: 16rem; overflow-y: auto; }
    .source mark { background: var(--mark); color: var(--text); border-radius: 0.15rem; }
    .opinions { display: flex; gap: 0.35rem; padding: 0.15rem 0 0.3rem; }
    .opinion { border: 1px solid transparent; background: none; border-radius: 0.5rem; padding: 0.3rem 0.4rem; color: var(--muted); }
    .opinion svg { display: block; width: 1.1rem; height: 1.1rem; fill: currentColor; }
    .opinion[data-value=down] svg { transform: rotate(180deg); }
    .opinion:hover, .opinion[aria-pressed=true] { border-color: var(--line); background: var(--surface); color: var(--link); }
    .trouble { display: flex; flex-wrap: wrap; align-items: center; gap: 0.6rem; color: var(--error); font-size: 0.95rem; }
    .note { color: var(--muted); font-size: 0.9rem; }
    .again { border: 1px solid currentColor; background: none; border-radius: 0.6rem; padding: 0.25rem 0.8rem; }
    img { display: none; }`,
};
