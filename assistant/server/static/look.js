// How deep-chat looks here: the colours are page.css's, and so follow light and dark.
const bubble = { maxWidth: "85%", borderRadius: "0.9rem", padding: "0.55rem 0.9rem", fontSize: "1rem" };

export const look = {
  chatStyle: { backgroundColor: "var(--page)", fontFamily: "inherit" },
  messageStyles: {
    default: {
      shared: { bubble },
      ai: { bubble: { backgroundColor: "var(--surface)", color: "var(--text)" } },
      user: { bubble: { backgroundColor: "var(--mine)", color: "var(--mine-text)" } },
    },
    html: { shared: { bubble: { backgroundColor: "transparent", padding: "0 0.4rem", width: "85%", maxWidth: "85%" } } },
    error: { bubble: { backgroundColor: "transparent", color: "var(--error)" } },
  },
  textInput: {
    placeholder: { text: "One moment…", style: { color: "var(--muted)" } },
    styles: {
      container: { backgroundColor: "var(--surface)", border: "1px solid var(--line)", borderRadius: "0.9rem" },
      text: { color: "var(--text)", fontSize: "1rem" },
    },
  },
  auxiliaryStyle: `
    .source { border-top: 1px solid var(--line); padding: 0.3rem 0; color: var(--text); font-size: 0.9rem; }
    .source summary { cursor: pointer; overflow-wrap: anywhere; }
    .source blockquote { margin: 0.4rem 0 0.4rem 0.2rem; padding-left: 0.7rem; border-left: 3px solid var(--mine);
      color: var(--muted); white-space: pre-wrap; overflow-wrap: anywhere; max-height: 16rem; overflow-y: auto; }
    .source mark { background: var(--mark); color: var(--text); }
    img { display: none; }`,
};
