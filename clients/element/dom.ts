type Child = Node | string
type Attributes = Readonly<Record<string, string | boolean>>

/** An element with attributes and children. Text is only ever set as text. */
export function make<K extends keyof HTMLElementTagNameMap> (tag: K, attributes: Attributes = {}, ...children: Child[]): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag)
  for (const [name, value] of Object.entries(attributes)) {
    if (value === true) element.setAttribute(name, '')
    else if (value !== false) element.setAttribute(name, value)
  }
  element.append(...children)
  return element
}

/** With children the label is what is spoken and what a pointer that rests on it shows. */
export function button (className: string, label: string, onClick: (event: MouseEvent) => void, ...children: Child[]): HTMLButtonElement {
  const element = make('button', { type: 'button', class: className }, ...(children.length === 0 ? [label] : children))
  if (children.length > 0) setLabel(element, label)
  element.addEventListener('click', onClick)
  return element
}

export function setLabel (element: HTMLElement, label: string): void {
  if (element.getAttribute('aria-label') === label) return
  element.setAttribute('aria-label', label)
  element.title = label
}

const svg = 'http://www.w3.org/2000/svg'

/** A 24 x 24 outline in the text's colour. */
export function icon (name: keyof typeof paths): SVGElement {
  const element = document.createElementNS(svg, 'svg')
  element.setAttribute('viewBox', '0 0 24 24')
  element.setAttribute('aria-hidden', 'true')
  const shape = document.createElementNS(svg, 'path')
  shape.setAttribute('d', paths[name])
  element.append(shape)
  return element
}

const paths = {
  bell: 'M6 9a6 6 0 0 1 12 0c0 6 2 7 2 7H4s2-1 2-7M10 20a2 2 0 0 0 4 0',
  close: 'M6 6l12 12M18 6L6 18',
  back: 'M15 5l-7 7 7 7',
  archive: 'M4 5h16v4H4zM6 9v10h12V9M10 13h4',
  remove: 'M5 7h14M10 7V5h4v2M7 7l1 12h8l1-12',
  unread: 'M4 6h16v12H4zM4 7l8 6 8-6',
  read: 'M4 10l8-5 8 5v9H4zM4 10l8 5 8-5',
  allRead: 'M2 13l4 4L14 8M11 16l1 1 9-9',
  more: 'M12 5.5v.01M12 12v.01M12 18.5v.01',
  select: 'M5 5h14v14H5zM8 12l3 3 5-6',
  recall: 'M5 9h9a5 5 0 0 1 0 10h-3M5 9l4-4M5 9l4 4',
  up: 'M12 19V6M6 11l6-6 6 6',
  send: 'M4 12l16-7-6 15-3-6z',
  announcement: 'M5 10v4h3l7 4V6l-7 4zM18 9.5a4 4 0 0 1 0 5',
  group: 'M9 11a3 3 0 1 0 0-6 3 3 0 0 0 0 6zM3 19c0-3 2.5-5 6-5s6 2 6 5M16 5.5a3 3 0 0 1 0 5.2M18 14.5c2 .6 3 2.3 3 4.5',
  producer: 'M12 3l7 3v5c0 5-3 8-7 10-4-2-7-5-7-10V6zM9 12l2 2 4-4',
  offline: 'M4 4l16 16M8.5 15.5a5 5 0 0 1 6-.6M5 12a10 10 0 0 1 5-2.5M19 12a10 10 0 0 0-3.5-2M12 19v.01',
  alert: 'M12 4l9 16H3zM12 10v4M12 17v.01',
  check: 'M5 13l4 4L19 7',
  show: 'M4 5h16v14H4zM8 10h8M8 14h5',
  sound: 'M4 10v4h3l5 4V6l-5 4zM16 9a4 4 0 0 1 0 6',
  link: 'M14 5h5v5M19 5l-8 8M17 14v5H5V7h5'
}

export type IconName = keyof typeof paths

export function setText (element: Element, text: string): void {
  if (element.textContent !== text) element.textContent = text
}
