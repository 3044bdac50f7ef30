/**
 * A site themes the component by the custom properties named --gatepost-...; `theme="light"` or `theme="dark"`
 * overrules what the system prefers. Text on every surface has a contrast of 4.5 or more.
 */
const dark = `
  --bg: var(--gatepost-background, #1b1e24); --fg: var(--gatepost-text, #eceef2); --soft: var(--gatepost-muted, #a5acb8);
  --line: var(--gatepost-border, #30353e); --hover: var(--gatepost-hover, #262a32); --accent: var(--gatepost-accent, #7fb0ff);
  --accent-fg: var(--gatepost-accent-text, #0d1a2e); --badge: var(--gatepost-badge, #d63f44); --badge-fg: var(--gatepost-badge-text, #fff);
  --bad: var(--gatepost-danger, #ff9a94); --face-l: 30%; --face-fg: #f4f6fa; --shadow: 0 0 0 1px rgb(0 0 0 / 30%), 0 16px 48px rgb(0 0 0 / 55%);
  color-scheme: dark;`

const light = `
  --bg: var(--gatepost-background, #fff); --fg: var(--gatepost-text, #1a1e24); --soft: var(--gatepost-muted, #5b6370);
  --line: var(--gatepost-border, #e4e7ec); --hover: var(--gatepost-hover, #f4f6f9); --accent: var(--gatepost-accent, #1a5fd0);
  --accent-fg: var(--gatepost-accent-text, #fff); --badge: var(--gatepost-badge, #cf2a30); --badge-fg: var(--gatepost-badge-text, #fff);
  --bad: var(--gatepost-danger, #b3261e); --face-l: 90%; --face-fg: #22262e; --shadow: 0 2px 6px rgb(16 24 40 / 8%), 0 16px 48px rgb(16 24 40 / 18%);
  color-scheme: light;`

export const themeStyle = `
:host { ${light} position: relative; display: inline-block; font: var(--gatepost-font, 14px/1.45 system-ui, sans-serif); }
:host([hidden]), [hidden] { display: none !important; }
@media (prefers-color-scheme: dark) { :host(:not([theme="light"])) { ${dark} } }
:host([theme="dark"]) { ${dark} }
* { box-sizing: border-box; }
button, input, textarea { font: inherit; color: inherit; letter-spacing: inherit; }
button { cursor: pointer; border: 0; background: none; border-radius: 8px; padding: 6px; }
button:disabled { opacity: .4; cursor: default; }
a { color: var(--accent); text-underline-offset: 2px; }
:focus-visible { outline: 2px solid var(--accent); outline-offset: -2px; }
svg { width: 20px; height: 20px; display: block; flex: none; fill: none; stroke: currentColor; stroke-width: 1.8; stroke-linecap: round; stroke-linejoin: round; }
.spoken { position: absolute; width: 1px; height: 1px; margin: -1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
.bell { position: relative; display: inline-grid; place-items: center; width: 44px; height: 44px; padding: 0; border-radius: 12px; color: var(--gatepost-bell, inherit); }
.bell svg { width: 24px; height: 24px; }
.bell:hover { background: color-mix(in srgb, currentColor 9%, transparent); }
.badge { position: absolute; top: 3px; inset-inline-start: 23px; min-width: 18px; height: 18px; padding: 0 5px; border-radius: 9px; outline: 2px solid var(--gatepost-badge-ring, transparent);
  background: var(--badge); color: var(--badge-fg); font: 650 11px/18px system-ui, sans-serif; text-align: center; letter-spacing: normal; text-transform: none; }
.bell.off svg { opacity: .5; }
.cut { display: none; position: absolute; bottom: 8px; inset-inline-end: 8px; width: 9px; height: 9px; border-radius: 50%; border: 2px solid currentColor; background: Canvas; }
.bell.off .cut { display: block; }
@media (forced-colors: active) { .badge { border: 1px solid; } }
`
