let turn: Promise<void> | undefined

/**
 * Resolves when this turn of the event loop has read what had arrived. So requests that arrive together are worked on
 * together: their reads leave in one batch, and so do their responses. An idle process waits for nothing.
 */
export function endOfTurn(): Promise<void> {
  turn ??= new Promise((resolve) =>
    setImmediate(() => {
      turn = undefined
      resolve()
    }),
  )
  return turn
}
