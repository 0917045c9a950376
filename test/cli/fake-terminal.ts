/** A terminal in memory, for commands that run in the test's own process. */
import { PassThrough } from 'node:stream'
import { parseArguments } from '../../src/cli/arguments.js'
import type { Command, Terminal } from '../../src/cli/command.js'
import { EXIT, NotFoundError, UsageError } from '../../src/cli/command.js'

export interface FakeTerminal extends Terminal {
  /** What has been written as data. */
  data(): Buffer
  /** What has been said, prompts and progress included. */
  talk(): string
}

export interface FakeOptions {
  /** Standard input, whole or in pieces; without it, the test writes to `stdin` itself. */
  input?: string | Uint8Array | readonly Uint8Array[]
  /** Whether somebody sits there. */
  interactive?: boolean
}

export function fakeTerminal({ input, interactive = false }: FakeOptions = {}): FakeTerminal {
  const stdin = new PassThrough()
  const stderr = Object.assign(new PassThrough(), { isTTY: interactive, columns: 80 })
  const data: Uint8Array[] = []
  let talk = ''
  stderr.setEncoding('utf8').on('data', (text: string) => (talk += text))
  if (input !== undefined) {
    const pieces = typeof input === 'string' || input instanceof Uint8Array ? [input] : input
    for (const piece of pieces) stdin.write(piece)
    stdin.end()
  }
  return {
    stdin: Object.assign(stdin, { isTTY: interactive }) as unknown as NodeJS.ReadStream,
    stdout: { isTTY: interactive, columns: 80 } as NodeJS.WriteStream,
    stderr: stderr as unknown as NodeJS.WriteStream,
    interactive,
    write: async (piece) => {
      // The next turn of the event loop, so that a command that does not wait would write out of order.
      await new Promise((resolve) => setImmediate(resolve))
      data.push(Buffer.from(piece as string))
    },
    say: (line) => void stderr.write(`${line}\n`),
    data: () => Buffer.concat(data),
    talk: () => talk,
  }
}

export interface Ended {
  code: number
  data: Buffer
  output: string
  /** What was said, and the message of the error that ended the command. */
  talk: string
}

/** Runs a command as the program does, its errors turned into exit codes. */
export async function runCommand(command: Command, words: readonly string[], options: FakeOptions | FakeTerminal = { input: '' }): Promise<Ended> {
  const terminal = 'say' in options ? options : fakeTerminal(options)
  let code: number
  let message = ''
  try {
    code = await command.run(parseArguments(command, words), terminal)
  } catch (error) {
    if (!(error instanceof Error)) throw error
    message = error.message
    code = error instanceof UsageError ? EXIT.USAGE : error instanceof NotFoundError ? EXIT.NOT_FOUND : EXIT.FAILED
  }
  // Talk goes through a stream, which hands it on a little later.
  await new Promise((resolve) => setImmediate(resolve))
  return { code, data: terminal.data(), output: terminal.data().toString('utf8'), talk: terminal.talk() + message }
}
