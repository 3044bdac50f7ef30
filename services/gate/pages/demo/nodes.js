/** The nodes as Gate sees them, with the people who are on each, and a button that drains one or puts it back. */
const refreshEveryMs = 1_500

const make = (name, options = {}, ...children) => {
  const element = Object.assign(document.createElement(name), options)
  element.append(...children)
  return element
}

/** `usersOn(id)`: whose phones are on this node. `onChange` is called after each look. */
export function createNodes ({ list, outcome, usersOn, onChange }) {
  let nodes = []
  let looking

  async function order (id, isBack) {
    outcome.textContent = ''
    try {
      const answer = await fetch(`demo/nodes/${encodeURIComponent(id)}/drain`, { method: isBack ? 'DELETE' : 'POST' })
      if (!answer.ok) outcome.textContent = (await answer.json()).message
    } catch { outcome.textContent = 'Gate does not answer.' }
    await look()
  }

  async function look () {
    clearTimeout(looking)
    try {
      const answer = await fetch('demo/nodes')
      if (answer.ok) nodes = (await answer.json()).nodes
    } catch { /* What was seen last stays; the phones go on without Gate. */ }
    draw()
    onChange()
    looking = setTimeout(look, refreshEveryMs)
  }

  /** The last one stays: nobody could come in any more. */
  const canDrain = id => nodes.some(node => node.id === id && node.state === 'up') && nodes.some(node => node.id !== id && node.state === 'up')

  function draw () {
    const items = nodes.map(node => {
      const had = list.querySelector(`[data-id="${window.CSS.escape(node.id)}"]`)
      const item = had ?? make('li', {}, make('strong', { textContent: node.id }), make('span', { className: 'state' }), make('span', { className: 'people' }), make('button', { type: 'button' }))
      item.dataset.id = node.id
      const [, state, people, button] = item.children
      const users = usersOn(node.id)
      const isBack = node.state === 'draining'
      item.className = node.state
      state.textContent = `${node.state}, ${node.sockets} ${node.sockets === 1 ? 'socket' : 'sockets'}`
      people.textContent = users.length === 0 ? '' : `${users.join(' and ')} ${users.length === 1 ? 'is' : 'are'} here`
      button.textContent = isBack ? 'Put back' : 'Drain'
      button.ariaLabel = `${button.textContent} node ${node.id}`
      button.disabled = isBack ? false : !canDrain(node.id)
      button.onclick = () => { order(node.id, isBack) }
      return item
    })
    if (items.length !== list.children.length || items.some((item, i) => list.children[i] !== item)) list.replaceChildren(...items)
  }

  look()
  return { order, draw, canDrain }
}
