/** What happens when somebody stops the program half-way: files that are not whole go away, then the signal does its work. */
import { setImmediate } from 'node:timers/promises'

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

/**
 * Runs `work`; on a signal, `cleanUp` runs and the process ends by that signal, as it would have without us. What runs
 * without a pause, such as making a store, is finished before the signal is dealt with.
 */
export async function cleaningUp<T>(cleanUp: (signal: NodeJS.Signals) => void | Promise<void>, work: () => Promise<T>): Promise<T> {
  let stopping = false
  const stop = (signal: NodeJS.Signals) => {
    if (stopping) return
    stopping = true
    const leave = () => {
      for (const each of SIGNALS) process.off(each, stop)
      process.kill(process.pid, signal)
    }
    void (async () => cleanUp(signal))().then(leave, leave)
  }
  for (const signal of SIGNALS) process.on(signal, stop)
  try {
    return await work()
  } finally {
    // A signal that came during work without a pause is heard in the next turn of the event loop but one, at the latest.
    for (let turn = 0; turn < 2; turn++) await setImmediate()
    // A signal that is being dealt with ends the process in a moment. What becomes of work whose files are gone is not to be told.
    if (stopping) await new Promise<never>(() => undefined)
    for (const signal of SIGNALS) process.off(signal, stop)
  }
}
