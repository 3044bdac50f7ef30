/** Elements without markup in texts: what a name or an error says is never more than text. */
export type Child = Node | string | null | undefined | false

type Attributes = Record<string, string | number | boolean | undefined | ((event: Event) => void)>

/** `el('button', { class: 'quiet', type: 'button', onclick }, 'Drain')`: functions become listeners, true and false set or leave out an attribute. */
export function el<K extends keyof HTMLElementTagNameMap> (tag: K, attributes: Attributes = {}, ...children: Child[]): HTMLElementTagNameMap[K] {
  return fill(document.createElement(tag), attributes, children)
}

const svgSpace = 'http://www.w3.org/2000/svg'
export function svg<K extends keyof SVGElementTagNameMap> (tag: K, attributes: Attributes = {}, ...children: Child[]): SVGElementTagNameMap[K] {
  return fill(document.createElementNS(svgSpace, tag), attributes, children)
}

function fill<E extends Element> (element: E, attributes: Attributes, children: readonly Child[]): E {
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === 'function') element.addEventListener(name.slice(2), value)
    else if (value === true) element.setAttribute(name, '')
    else if (value !== undefined && value !== false) element.setAttribute(name, String(value))
  }
  element.append(...children.filter((child): child is Node | string => child !== null && child !== undefined && child !== false))
  return element
}

/** Changes nothing where nothing changed, so that a selection and a screen reader's place stay. */
export function setText (element: Element, text: string): void {
  if (element.textContent !== text) element.textContent = text
}

/** One child for each item, kept by its key: what has the focus keeps it. */
export function keyed<T> (parent: Element, items: readonly T[], keyOf: (item: T) => string, make: (item: T) => Element, update: (element: Element, item: T) => void): void {
  const old = new Map([...parent.children].map(child => [child.getAttribute('data-key'), child]))
  items.forEach((item, at) => {
    const key = keyOf(item)
    let element = old.get(key)
    old.delete(key)
    if (element === undefined) {
      element = make(item)
      element.setAttribute('data-key', key)
    }
    update(element, item)
    if (parent.children[at] !== element) parent.insertBefore(element, parent.children[at] ?? null)
  })
  for (const element of old.values()) element.remove()
}

/** A part of what `make` built, by its `data-part`. */
export function part (element: Element, name: string): HTMLElement {
  const found = element.querySelector<HTMLElement>(`[data-part="${name}"]`)
  if (found === null) throw new Error(`no part ${name}`)
  return found
}
