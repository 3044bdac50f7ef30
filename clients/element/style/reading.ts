export const readingStyle = `
.reading { display: flex; flex-direction: column; flex: 1; min-height: 0; border-top: 1px solid var(--line); }
article { padding: 16px 18px; }
.sender { display: flex; align-items: center; gap: 12px; }
.who { flex: 1; min-width: 0; }
.who .from { color: var(--fg); font-weight: 650; }
.meta { display: flex; flex-wrap: wrap; gap: 0 8px; color: var(--soft); font-size: .9em; overflow-wrap: anywhere; }
.id:not([hidden])::after { content: "·"; margin-inline-start: 8px; }
.subject { margin: 18px 0 0; font-size: 1.28em; font-weight: 650; line-height: 1.3; overflow-wrap: anywhere; }
.subject:focus { outline: none; }
.text { white-space: pre-wrap; overflow-wrap: anywhere; unicode-bidi: plaintext; }
article .text { margin-top: 10px; line-height: 1.55; }
.go { display: inline-flex; align-items: center; gap: 6px; max-width: 100%; margin-top: 14px; font-weight: 600; overflow-wrap: anywhere; }
article .choices { padding: 0; margin-top: 16px; }
.thread { margin: 0 18px; padding: 16px 0 18px; border-top: 1px solid var(--line); }
.thread h4 { margin: 0 0 10px; font-size: .9em; font-weight: 600; color: var(--soft); }
.bubbles { display: flex; flex-direction: column; gap: 8px; margin: 0; padding: 0; list-style: none; }
.bubble { max-width: 85%; padding: 8px 12px; border-radius: 14px 14px 14px 4px; background: var(--hover); overflow-wrap: anywhere; }
.bubble.own { align-self: flex-end; border-radius: 14px 14px 4px 14px; background: color-mix(in srgb, var(--accent) 12%, var(--bg)); }
.bubble strong { display: block; }
.bubble time, .bubble .state { display: flex; align-items: center; gap: 4px; margin-top: 2px; font-size: .8em; color: var(--soft); }
.bubble .state svg { width: 13px; height: 13px; }
.sending { opacity: .75; }
.composer { display: flex; flex: none; align-items: flex-end; gap: 6px; padding: 10px 10px max(10px, env(safe-area-inset-bottom)) 14px; border-top: 1px solid var(--line); }
textarea { flex: 1; min-width: 0; min-height: 38px; padding: 8px 12px; border: 1px solid color-mix(in srgb, var(--fg) 45%, transparent); border-radius: 19px; background: var(--bg); line-height: 1.45; resize: none; }
textarea::placeholder { color: var(--soft); opacity: 1; }
textarea:focus-visible { outline-offset: -1px; }
.send { display: grid; place-items: center; width: 38px; height: 38px; padding: 0; border-radius: 50%; background: var(--accent); color: var(--accent-fg); }
.send:disabled { background: var(--hover); color: var(--soft); opacity: 1; }
.send svg:dir(rtl) { transform: scaleX(-1); }
`
