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

export function button (className: string, label: string, onClick: () => void, ...children: Child[]): HTMLButtonElement {
  const element = make('button', { type: 'button', class: className }, ...(children.length === 0 ? [label] : children))
  if (children.length > 0) {
    element.setAttribute('aria-label', label)
    element.title = label
  }
  element.addEventListener('click', onClick)
  return element
}

const svg = 'http://www.w3.org/2000/svg'

/** A 24 x 24 outline in the text's colour. */
export function icon (path: string): SVGElement {
  const element = document.createElementNS(svg, 'svg')
  const attributes = {
    viewBox: '0 0 24 24',
    fill: 'none',
    stroke: 'currentColor',
    'stroke-width': '1.8',
    'stroke-linecap': 'round',
    'stroke-linejoin': 'round',
    'aria-hidden': 'true',
    focusable: 'false'
  }
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value)
  const shape = document.createElementNS(svg, 'path')
  shape.setAttribute('d', path)
  element.append(shape)
  return element
}

export const paths = {
  bell: 'M6 9a6 6 0 0 1 12 0c0 6 2 7 2 7H4s2-1 2-7M10 20a2 2 0 0 0 4 0',
  close: 'M6 6l12 12M18 6L6 18',
  back: 'M15 5l-7 7 7 7',
  archive: 'M4 5h16v4H4zM6 9v10h12V9M10 13h4',
  remove: 'M5 7h14M10 7V5h4v2M7 7l1 12h8l1-12',
  unread: 'M4 6h16v12H4zM4 7l8 6 8-6',
  allRead: 'M3 13l4 4L15 8M12 16l1 1 8-9'
}

export function setText (element: Element, text: string): void {
  if (element.textContent !== text) element.textContent = text
}
