export const partyStyle = `
.avatar { position: relative; display: grid; place-items: center; width: 38px; height: 38px; border-radius: 50%; font: 600 13px/1 system-ui, sans-serif;
  color: var(--face-fg); background: hsl(var(--hue) 60% var(--face-l)); user-select: none; }
.avatar.square { border-radius: 10px; }
.avatar img { position: absolute; inset: 0; width: 100%; height: 100%; object-fit: cover; border-radius: inherit; background: var(--bg); }
.mark { flex: none; display: inline-flex; align-items: center; gap: 3px; max-width: 12em; color: var(--accent); font-size: .82em; font-weight: 600; white-space: nowrap; }
.mark svg { width: 15px; height: 15px; }
.mark.group svg, .mark.announcement svg { width: 13px; height: 13px; stroke-width: 2.2; }
.mark.group, .mark.announcement { padding: 0 6px; border-radius: 5px; background: color-mix(in srgb, var(--accent) 12%, var(--bg)); line-height: 1.55; }
.mark.group { flex: 0 1 auto; min-width: 0; }
.mark bdi { overflow: hidden; text-overflow: ellipsis; }
@media (forced-colors: active) { .avatar, .mark { border: 1px solid; } .tab[aria-selected="true"]::after , .unread .face::before { background: Highlight; } }
`
