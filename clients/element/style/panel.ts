/** The panel takes nothing over from how the page sets its text, but its direction; a site themes it by custom properties. */
export const panelStyle = `
.panel { all: initial; color-scheme: inherit; display: none; position: fixed; z-index: var(--gatepost-layer, 1000); width: var(--gatepost-width, 400px);
  height: min(var(--gatepost-height, 600px), 85vh); flex-direction: column; overflow: hidden; user-select: text;
  background: var(--bg); color: var(--fg); border: 1px solid var(--line); border-radius: var(--gatepost-radius, 14px); box-shadow: var(--shadow);
  font: var(--gatepost-font, 14px/1.45 system-ui, sans-serif); }
.panel:popover-open, .panel[open] { display: flex; }
.panel:focus { outline: none; }
.panel::backdrop { background: transparent; }
.panel.full { inset: 0; width: 100%; height: 100%; border: 0; border-radius: 0; font-size: max(1em, 15px); }
.head { display: flex; flex: none; align-items: center; gap: 2px; min-height: 52px; padding-block: 6px; padding-inline: 16px 8px; }
.head:has(.back:not([hidden])), .selection { padding-inline: 4px; }
h2 { flex: 1; min-width: 0; margin: 0; font-size: 1.2em; font-weight: 650; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.head button { display: grid; place-items: center; width: 36px; height: 36px; padding: 0; color: var(--soft); }
.head button:hover:not(:disabled) { background: var(--hover); color: var(--fg); }
.reading-tools { display: flex; gap: 2px; }
.back svg:dir(rtl) { transform: scaleX(-1); }
.picked-count { flex: 1; font-weight: 600; }
.tabs { display: flex; flex: none; gap: 2px; padding: 0 8px; overflow-x: auto; scrollbar-width: none; border-bottom: 1px solid var(--line); }
.tab { position: relative; display: flex; flex: none; align-items: center; gap: 6px; padding: 8px 9px 10px; border-radius: 8px 8px 0 0; color: var(--soft); font-weight: 550; white-space: nowrap; }
.tab:hover { color: var(--fg); background: var(--hover); }
.tab[aria-selected="true"] { color: var(--fg); }
.tab[aria-selected="true"]::after { content: ""; position: absolute; inset: auto 9px 0; height: 2px; border-radius: 2px 2px 0 0; background: var(--accent); }
.count { min-width: 18px; padding: 0 5px; border-radius: 9px; background: color-mix(in srgb, var(--accent) 12%, transparent); color: var(--accent); font-size: .8em; font-weight: 650; line-height: 18px; text-align: center; }
.selection { border-bottom: 1px solid var(--line); }
.notice { display: flex; flex: none; align-items: center; gap: 8px; padding: 7px 16px; font-size: .93em; color: var(--soft); background: var(--hover); border-bottom: 1px solid var(--line); }
.notice > span:not(.sign) { flex: 1; overflow-wrap: anywhere; }
.notice.bad { color: var(--bad); }
.notice button { padding: 3px 8px; color: var(--accent); font-weight: 600; }
.view { position: relative; display: flex; flex-direction: column; flex: 1; min-height: 0; }
.blank { flex: 1; display: flex; flex-direction: column; align-items: center; justify-content: center; gap: 4px; padding: 24px 32px 48px; text-align: center; color: var(--soft); }
.blank p { margin: 0; }
.blank .title { color: var(--fg); font-size: 1.07em; font-weight: 600; }
.blank .sign { display: grid; place-items: center; width: 56px; height: 56px; margin-bottom: 10px; border-radius: 50%; background: var(--hover); }
.blank .sign svg { width: 26px; height: 26px; stroke-width: 1.6; }
.blank .again { margin-top: 14px; padding: 8px 16px; background: var(--accent); color: var(--accent-fg); font-weight: 600; }
.pill { position: absolute; z-index: 2; top: 10px; inset-inline: 0; width: max-content; margin-inline: auto; display: flex; align-items: center; gap: 5px; padding: 5px 13px 5px 9px; border-radius: 16px;
  background: var(--accent); color: var(--accent-fg); font-weight: 600; font-size: .93em; box-shadow: 0 4px 14px rgb(0 0 0 / 22%); }
.pill svg, .notice svg, .go svg, .chosen svg { width: 16px; height: 16px; }
.pill svg { stroke-width: 2.2; }
.older { position: absolute; bottom: 0; inset-inline: 0; padding: 6px; text-align: center; font-size: .86em; color: var(--soft); background: linear-gradient(transparent, var(--bg) 40%); }
.toast { position: absolute; z-index: 4; bottom: max(12px, env(safe-area-inset-bottom)); inset-inline: 12px; display: flex; align-items: center; gap: 4px; min-height: 44px; padding-block: 4px; padding-inline: 16px 6px; border-radius: 10px;
  background: var(--fg); color: var(--bg); box-shadow: 0 6px 24px rgb(0 0 0 / 28%); }
.toast > span { flex: 1; min-width: 0; overflow-wrap: anywhere; }
.toast button { min-height: 32px; padding: 4px 10px; font-weight: 650; color: inherit; }
.toast .undo, .toast .retry { text-decoration: underline; text-underline-offset: 3px; }
.toast button:hover { background: color-mix(in srgb, var(--bg) 16%, transparent); }
.toast :focus-visible { outline-color: var(--bg); }
.menu { position: fixed; inset: auto; margin: 0; padding: 5px; min-width: 190px; max-width: min(320px, calc(100vw - 16px)); border: 1px solid var(--line); border-radius: 11px; background: var(--bg); color: var(--fg); box-shadow: var(--shadow); }
.menu:focus { outline: none; }
.menu button { display: flex; align-items: center; gap: 10px; width: 100%; min-height: 36px; padding: 6px 10px; border-radius: 7px; text-align: start; }
.menu button > span { flex: 1; }
.menu button svg, .tools svg { width: 18px; height: 18px; }
.menu button svg { color: var(--soft); }
.menu button:hover:not(:disabled), .menu button:focus-visible { background: var(--hover); }
.menu .danger, .menu .danger svg { color: var(--bad); }
.menu [aria-checked] svg:last-child { visibility: hidden; color: var(--accent); }
.menu [aria-checked="true"] svg:last-child { visibility: visible; }
.full .head { padding-top: max(6px, env(safe-area-inset-top)); }
.full .head button { width: 44px; height: 44px; }
.full .tab { padding-block: 12px 13px; }
.full .menu button { min-height: 44px; }
@media (prefers-reduced-motion: no-preference) {
  .panel:popover-open { animation: appear .14s ease-out; }
  .toast, .pill { animation: appear .14s ease-out; }
  @keyframes appear { from { opacity: 0; translate: 0 6px; } }
}
`
