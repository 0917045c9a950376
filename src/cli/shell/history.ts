/** The lines typed in earlier shells, in a file of the user's own. */
import { appendFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { dirname, isAbsolute, join } from 'node:path'

/** Lines that are kept at least; the file is cut back to them when it has twice as many. */
const KEPT = 1000

/** Where the history is: in the user's folder for state, as the XDG specification has it. */
export function historyFile(environment: NodeJS.ProcessEnv): string {
  const { XDG_STATE_HOME: state } = environment
  // The specification wants a path that is not absolute to be passed over.
  const folder = state !== undefined && isAbsolute(state) ? state : join(homedir(), '.local', 'state')
  return join(folder, 'coppice', 'history')
}

/** A file of lines that shells add to, several at once if need be. */
export class History {
  /** The newest first, as `node:readline` takes them. */
  readonly lines: string[]
  private readonly file: string
  private readonly say: (line: string) => void
  private last: string | undefined
  private broken = false

  /** Reads the file where there is one. `say` hears what goes wrong, once: a shell without history is still a shell. */
  constructor(file: string, say: (line: string) => void) {
    this.file = file
    this.say = say
    const lines = this.read()
    this.lines = lines.slice(-KEPT).reverse()
    this.last = this.lines[0]
    if (lines.length > 2 * KEPT) this.attempt(() => writeFileSync(file, `${lines.slice(-KEPT).join('\n')}\n`))
  }

  /** Adds a line; not one that is empty, like the one before, or begins with a space, which keeps it to oneself. */
  add(line: string): void {
    if (line.trim() === '' || line.startsWith(' ') || line === this.last) return
    this.last = line
    this.attempt(() => {
      mkdirSync(dirname(this.file), { recursive: true, mode: 0o700 })
      // What is typed may be nobody else's business.
      appendFileSync(this.file, `${line}\n`, { mode: 0o600 })
    })
  }

  private read(): string[] {
    let text = ''
    this.attempt(() => (text = readFileSync(this.file, 'utf8')))
    return text.split('\n').filter((line) => line !== '')
  }

  private attempt(action: () => void): void {
    if (this.broken) return
    try {
      action()
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException
      if (code === 'ENOENT') return
      this.broken = true
      this.say(`history is not kept: ${message}`)
    }
  }
}
