/** Work of one animation frame, however often it is asked for. A page in the background has no frames: there it is done twice a second. */
export interface Frame {
  request (): void
  cancel (): void
}

const backgroundMs = 500

export function createFrame (work: () => void): Frame {
  let frame: number | undefined
  let timer: ReturnType<typeof setTimeout> | undefined

  function cancel (): void {
    if (frame !== undefined) cancelAnimationFrame(frame)
    clearTimeout(timer)
    frame = timer = undefined
  }
  function run (): void {
    cancel()
    work()
  }
  return {
    request () {
      if (timer !== undefined) return
      frame = requestAnimationFrame(run)
      timer = setTimeout(run, backgroundMs)
    },
    cancel
  }
}
