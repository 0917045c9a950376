/** Reads lines and answers them: at a terminal, with a prompt, or from a file or a pipe. */
import { isUtf8 } from 'node:buffer'
import { createInterface } from 'node:readline/promises'
import { setImmediate } from 'node:timers/promises'
import { CoppiceError } from '../../index.js'
import type { Terminal } from '../command.js'
import { EXIT, NotFoundError, UsageError } from '../command.js'
import { exitCodeOf, messageOf } from '../explain.js'
import { linesOf } from '../formats/lines.js'
import { withoutMark } from '../formats/utf8.js'
import { answerTo } from './commands.js'
import type { Completion } from './complete.js'
import { complete } from './complete.js'
import type { History } from './history.js'
import type { Session } from './session.js'

/** Characters written in one go; between them an answer can be stopped. */
const CHUNK = 2 ** 14

/** Answers a line; `stopped` is asked now and then whether to go on. */
async function answer(session: Session, line: string, terminal: Terminal, stopped: () => boolean): Promise<void> {
  let pending = ''
  for (const each of answerTo(session, line)) {
    pending += `${each}\n`
    if (pending.length < CHUNK) continue
    await terminal.write(pending)
    pending = ''
    await setImmediate()
    if (stopped()) return
  }
  if (pending !== '') await terminal.write(pending)
  for (const remark of session.takeRemarks()) terminal.say(remark)
}

/** What is wrong with a line is said; anything else is thrown. Answers the exit code that it would end a script with. */
function explain(error: unknown, say: (line: string) => void): number {
  if (!(error instanceof CoppiceError || error instanceof UsageError || error instanceof NotFoundError)) throw error
  say(messageOf(error, String))
  return exitCodeOf(error)
}

/** Runs the lines of standard input to the first error; answers the exit code. */
export async function runScript(session: Session, terminal: Terminal): Promise<number> {
  for await (const { first, lines } of linesOf(withoutMark(terminal.stdin as AsyncIterable<Uint8Array>))) {
    for (let i = 0; i < lines.length; i++) {
      try {
        if (!isUtf8(lines[i])) throw new UsageError('this is not UTF-8. Write other bytes as \\x and two hex digits.')
        await answer(session, lines[i].toString('utf8'), terminal, () => false)
      } catch (error) {
        return explain(error, (message) => terminal.say(`coppice shell: line ${first + i}: ${message}`))
      }
      if (session.ended) return leave(session, terminal)
    }
  }
  return leave(session, terminal)
}

/** A script that ends within a transaction has not done what it says. */
function leave(session: Session, terminal: Terminal): number {
  if (!session.close()) return EXIT.OK
  terminal.say('coppice shell: the transaction that was left open has been undone; commit keeps it')
  return EXIT.FAILED
}

/** A store that cannot be read offers nothing, and says so when it is asked in earnest. */
function offers(session: Session, line: string): Completion {
  try {
    return complete(session, line)
  } catch (error) {
    if (error instanceof CoppiceError) return [[], line]
    throw error
  }
}

/** Talks with somebody at a terminal until they leave. */
export async function runInteractive(session: Session, terminal: Terminal, history: History | undefined): Promise<number> {
  let busy = false
  let stopped = false
  const lines = createInterface({
    input: terminal.stdin,
    output: terminal.stderr,
    terminal: true,
    history: [...(history?.lines ?? [])],
    historySize: 1000,
    removeHistoryDuplicates: true,
    completer: (line: string) => Promise.resolve(offers(session, line)),
  })
  lines.on('SIGINT', () => {
    stopped = busy
    if (busy) return
    lines.write(null, { ctrl: true, name: 'e' })
    lines.write(null, { ctrl: true, name: 'u' })
    terminal.stderr.write('\nexit, or Ctrl-D, leaves\n')
    lines.prompt()
  })
  const ask = (): void => {
    lines.setPrompt(session.prompt)
    lines.prompt()
  }
  ask()
  try {
    for await (const line of lines) {
      history?.add(line)
      busy = true
      stopped = false
      await answer(session, line, terminal, () => stopped).catch((error: unknown) => explain(error, (message) => terminal.say(message)))
      busy = false
      if (session.ended) break
      ask()
    }
  } finally {
    lines.close()
  }
  if (!session.ended) terminal.stderr.write('\n')
  if (session.close()) terminal.say('the open transaction has been undone')
  return EXIT.OK
}
