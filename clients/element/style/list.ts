export const listStyle = `
.listing, .reading-body { flex: 1; min-height: 0; overflow: hidden auto; overscroll-behavior: contain; scrollbar-width: thin; scrollbar-color: var(--line) transparent; }
.listing { overflow-anchor: none; }
.list { position: relative; list-style: none; margin: 0; padding: 0; overflow: clip; }
.list > li { position: absolute; top: 0; inset-inline: 0; }
.day { padding: 12px 16px 4px; font-size: .86em; font-weight: 600; line-height: 18px; color: var(--soft); }
.item { --row: var(--bg); border-top: 1px solid var(--line); background: var(--row); overflow: clip; touch-action: pan-y; }
.item.unread { --row: color-mix(in srgb, var(--accent) 5%, var(--bg)); }
.item:hover { --row: var(--hover); }
.item.picked { --row: color-mix(in srgb, var(--accent) 12%, var(--bg)); }
.row { display: flex; align-items: flex-start; gap: 12px; width: 100%; padding-block: 12px; padding-inline: 18px 16px; border-radius: 0; color: inherit; text-align: start; text-decoration: none; }
.face { position: relative; flex: none; padding-top: 1px; }
.unread .face::before { content: ""; position: absolute; inset-inline-start: -13px; top: 16px; width: 8px; height: 8px; border-radius: 50%; background: var(--accent); }
.content { flex: 1; min-width: 0; }
.content > span { display: block; }
.content .top, .who .top { display: flex; align-items: center; gap: 6px; min-width: 0; }
.from { flex: 0 1 auto; min-width: 0; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; font-weight: 550; color: var(--soft); }
.marks { display: contents; }
.top time { flex: none; margin-inline-start: auto; padding-inline-start: 6px; font-size: .86em; color: var(--soft); font-variant-numeric: tabular-nums; }
.content .title { overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.content .preview { display: -webkit-box; -webkit-box-orient: vertical; -webkit-line-clamp: 2; overflow: hidden; overflow-wrap: anywhere; font-size: .93em; color: var(--soft); }
.unread .from, .unread .content .title { font-weight: 650; color: var(--fg); }
.recalled .content .title { font-style: italic; color: var(--soft); }
.tools { position: absolute; top: 7px; inset-inline-end: 8px; display: flex; padding-inline-start: 8px; background: var(--row); opacity: 0; }
.tools button, .pick { width: 30px; height: 30px; }
.tools button { display: grid; place-items: center; padding: 0; color: var(--soft); }
.tools button:hover { background: color-mix(in srgb, var(--fg) 9%, transparent); color: var(--fg); }
.more svg, .options svg { stroke-width: 2.6; }
.item:hover .tools, .item:has(:focus-visible) .tools, .tools:has([aria-expanded="true"]) { opacity: 1; }
.pick { position: absolute; z-index: 1; top: 12px; inset-inline-start: 18px; width: 38px; height: 38px; margin: 0; padding: 0; accent-color: var(--accent); cursor: pointer; appearance: none; border-radius: 50%; }
.pick::after { content: ""; position: absolute; inset: 8px; border: 2px solid var(--soft); border-radius: 6px; background: var(--bg); }
.pick:checked::after { border-color: var(--accent); background: var(--accent); }
.pick:checked::before { content: ""; position: absolute; z-index: 1; left: 16px; top: 11px; width: 5px; height: 11px; border: solid var(--accent-fg); border-width: 0 2px 2px 0; rotate: 42deg; }
.pick:not([hidden]) ~ .row .avatar { visibility: hidden; }
.choices { display: flex; flex-wrap: wrap; gap: 8px; padding-block: 0 12px; padding-inline: 68px 16px; margin-top: -2px; }
.choice { display: inline-flex; align-items: center; min-height: 32px; max-width: 100%; padding: 4px 12px; border: 1px solid color-mix(in srgb, var(--fg) 24%, transparent); border-radius: 8px; background: var(--bg); color: var(--fg); font-weight: 600; font-size: .93em; text-decoration: none; overflow: hidden; text-overflow: ellipsis; }
.choice.first { border-color: var(--accent); background: var(--accent); color: var(--accent-fg); }
.choice:hover { filter: brightness(.96); }
.chosen { display: inline-flex; align-items: center; gap: 5px; font-size: .93em; color: var(--soft); }
.chosen svg { color: var(--accent); }
.swiped .row, .swiped .choices { translate: var(--swipe) 0; background: var(--row); }
.swiped { background: color-mix(in srgb, var(--accent) 25%, var(--bg)); }
.swiped.decided { background: var(--accent); }
.swiped .tools { visibility: hidden; }
.skeleton { flex: 1; overflow: hidden; }
.bone { display: flex; gap: 12px; padding: 13px 16px 13px 18px; border-bottom: 1px solid var(--line); }
.bone i { display: block; height: 10px; margin: 4px 0 8px; border-radius: 5px; background: color-mix(in srgb, var(--fg) 9%, transparent); }
.bone .face { width: 38px; height: 38px; margin: 0; border-radius: 50%; }
.bone span { flex: 1; }
.bone span i:nth-child(1) { width: 34%; } .bone span i:nth-child(2) { width: 72%; } .bone span i:nth-child(3) { width: 88%; }
@media (hover: hover) { .item:hover .top time, .item:has(:focus-visible) .top time { opacity: 0; } }
@media (hover: none) {
  .tools { top: auto; bottom: 4px; opacity: 1; background: none; }
  .tools button:not(.more) { display: none; }
  .tools .more { width: 40px; height: 36px; }
  .content { padding-inline-end: 26px; }
  .content .top { margin-inline-end: -26px; }
}
@media (prefers-reduced-motion: no-preference) {
  .tools { transition: opacity .1s; }
  .item:not(.swiped) .row { transition: translate .15s; }
  .bone i { animation: breathe 1.4s ease-in-out infinite; }
  @keyframes breathe { 50% { opacity: .45; } }
}
`
