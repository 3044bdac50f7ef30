/** What was done, with a way back; what failed, with a way to do it again. */
import { button, icon, make, setText } from '../dom.js'
import type { Toast } from '../model/state.js'
import type { Texts } from '../texts.js'
import type { Context } from './context.js'

export interface ToastView {
  readonly element: HTMLElement
  render (toast: Toast | undefined): void
}

function textOf (toast: Toast, texts: Texts): string {
  switch (toast.kind) {
    case 'archived': return texts.didArchive(toast.count)
    case 'unarchived': return texts.didUnarchive(toast.count)
    case 'deleted': return texts.didRemove(toast.count)
    case 'recalled': return texts.didRecall
    case 'recallLate': return texts.recallLate
    case 'sent': return texts.didSend
    case 'failed': return texts.couldNot[toast.what]
  }
}

export function createToast ({ texts, wanted }: Context): ToastView {
  const said = make('span')
  const undo = button('undo', texts.undo, () => { wanted.undo() })
  const retry = button('retry', texts.retry, () => { wanted.retry() })
  const dismiss = button('dismiss', texts.close, () => { wanted.dismiss() }, icon('close'))
  const element = make('div', { class: 'toast', part: 'toast' }, said, undo, retry, dismiss)

  return {
    element,
    render (toast) {
      element.hidden = toast === undefined
      if (toast === undefined) return setText(said, '')
      const isBad = toast.kind === 'failed' || toast.kind === 'recallLate'
      element.setAttribute('role', isBad ? 'alert' : 'status')
      element.classList.toggle('bad', isBad)
      setText(said, textOf(toast, texts))
      undo.hidden = !('count' in toast)
      retry.hidden = toast.kind !== 'failed'
      dismiss.hidden = !isBad
    }
  }
}
