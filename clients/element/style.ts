/**
 * A site themes the component by the custom properties named --gatepost-...; `theme="light"` or `theme="dark"`
 * overrules what the system prefers. A constructed sheet passes a strict Content-Security-Policy.
 */
const dark = `
  --bg: var(--gatepost-background, #1d2026); --fg: var(--gatepost-text, #eceef2); --soft: var(--gatepost-muted, #a3a9b5);
  --line: var(--gatepost-border, #373c46); --hover: var(--gatepost-hover, #282c34); --accent: var(--gatepost-accent, #7fb0ff);
  --badge: var(--gatepost-badge, #e5484d); --badge-fg: var(--gatepost-badge-text, #fff); --bad: var(--gatepost-danger, #ff8a8a);
  color-scheme: dark;`

const light = `
  --bg: var(--gatepost-background, #fff); --fg: var(--gatepost-text, #1c2026); --soft: var(--gatepost-muted, #5d6470);
  --line: var(--gatepost-border, #dde0e6); --hover: var(--gatepost-hover, #f3f5f8); --accent: var(--gatepost-accent, #1a5fd0);
  --badge: var(--gatepost-badge, #cf2a30); --badge-fg: var(--gatepost-badge-text, #fff); --bad: var(--gatepost-danger, #b3261e);
  color-scheme: light;`

const css = `
:host { ${light} position: relative; display: inline-block; font: var(--gatepost-font, 15px/1.45 system-ui, sans-serif); }
:host([hidden]), [hidden] { display: none !important; }
@media (prefers-color-scheme: dark) { :host(:not([theme="light"])) { ${dark} } }
:host([theme="dark"]) { ${dark} }
* { box-sizing: border-box; }
button, select { font: inherit; color: inherit; }
button { cursor: pointer; border: 0; background: none; border-radius: 8px; padding: 6px; }
button:disabled { opacity: .5; cursor: default; }
:focus-visible { outline: 2px solid var(--accent); outline-offset: -2px; }
svg { width: 20px; height: 20px; display: block; }
.bell { position: relative; width: 44px; height: 44px; padding: 10px; color: var(--gatepost-bell, inherit); }
.bell svg { width: 24px; height: 24px; }
.bell:hover { background: color-mix(in srgb, currentColor 10%, transparent); }
.badge { position: absolute; top: 2px; right: 0; min-width: 20px; height: 20px; padding: 0 5px; border-radius: 10px;
  background: var(--badge); color: var(--badge-fg); font: 600 12px/20px system-ui, sans-serif; text-align: center; }
.panel { position: absolute; z-index: var(--gatepost-layer, 1000); top: calc(100% + 6px); right: 0; width: var(--gatepost-width, 380px);
  height: min(var(--gatepost-height, 560px), 80vh); display: flex; flex-direction: column; overflow: hidden;
  background: var(--bg); color: var(--fg); border: 1px solid var(--line); border-radius: var(--gatepost-radius, 14px);
  box-shadow: 0 12px 40px rgb(0 0 0 / 22%); text-align: start; }
.panel.start { right: auto; left: 0; }
.head { display: flex; align-items: center; gap: 4px; padding: 10px 10px 10px 16px; border-bottom: 1px solid var(--line); }
h2 { flex: 1; min-width: 0; margin: 0; font-size: 1.1em; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.head button:hover, .tools button:hover, .actions button:hover { background: var(--hover); }
select { border: 1px solid var(--line); border-radius: 8px; padding: 4px 6px; background: var(--bg); max-width: 40%; }
.note { display: flex; align-items: center; gap: 8px; padding: 6px 16px; font-size: .9em; color: var(--soft); background: var(--hover); }
.note.bad { color: var(--bad); }
.note span { flex: 1; overflow-wrap: anywhere; }
.note button { text-decoration: underline; color: var(--fg); }
.body { flex: 1; min-height: 0; overflow: auto; overscroll-behavior: contain; }
ul { list-style: none; margin: 0; padding: 0; }
li { position: relative; border-bottom: 1px solid var(--line); }
.row { display: grid; grid-template-columns: 12px 1fr auto; gap: 0 8px; width: 100%; padding: 10px 14px 10px 8px; border-radius: 0; text-align: start; }
.row:hover { background: var(--hover); }
.dot { grid-row: span 3; width: 8px; height: 8px; margin: 7px 2px; border-radius: 50%; background: transparent; }
.unread .dot { background: var(--accent); }
.from, .title, .preview { min-width: 0; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.from, time, .preview { color: var(--soft); font-size: .9em; }
.title, .preview { grid-column: 2 / 4; }
.unread .title, .unread .from { font-weight: 650; color: var(--fg); }
.recalled .title { font-style: italic; color: var(--soft); }
.tools { position: absolute; right: 8px; bottom: 6px; display: flex; opacity: 0; background: var(--bg); border-radius: 8px; }
li:hover .tools, li:focus-within .tools { opacity: 1; }
.empty { padding: 48px 16px; text-align: center; color: var(--soft); }
.more { display: block; width: calc(100% - 24px); margin: 12px; padding: 10px; border: 1px solid var(--line); }
article { padding: 16px; }
article h3 { margin: 0 0 4px; font-size: 1.15em; overflow-wrap: anywhere; }
article h3:focus { outline: none; }
.meta { color: var(--soft); font-size: .9em; overflow-wrap: anywhere; }
.text { margin: 16px 0; white-space: pre-wrap; overflow-wrap: anywhere; }
.actions { display: flex; flex-wrap: wrap; gap: 8px; }
.actions button { display: flex; align-items: center; gap: 6px; padding: 7px 12px; border: 1px solid var(--line); }
.actions .danger { color: var(--bad); }
.spoken { position: absolute; width: 1px; height: 1px; margin: -1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
@media (hover: none) { .tools { display: none; } }
@media (max-width: 480px) {
  .panel { position: fixed; inset: 0; width: 100%; height: 100%; border: 0; border-radius: 0; }
  .head { padding-top: max(10px, env(safe-area-inset-top)); }
  .head button { min-width: 44px; min-height: 44px; display: grid; place-items: center; }
}
@media (prefers-reduced-motion: no-preference) { .tools { transition: opacity .12s; } }
`

let sheet: CSSStyleSheet | undefined

/** One sheet for all components of the page. */
export function styleSheet (): CSSStyleSheet {
  if (sheet === undefined) {
    sheet = new CSSStyleSheet()
    sheet.replaceSync(css)
  }
  return sheet
}
