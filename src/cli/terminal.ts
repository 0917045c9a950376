/** The terminal, or what stands in its place: output that waits for its reader, talk, colours, a line of progress. */
import fs from 'node:fs'
import { Readable } from 'node:stream'
import picocolors from 'picocolors'
import type { Terminal } from './command.js'
import { BrokenPipeError } from './command.js'
import { oneLine } from './text.js'

/** What colours text, or leaves it as it is. */
export type Colors = ReturnType<typeof picocolors.createColors>

/** The terminal of this process. */
export function processTerminal(): Terminal {
  const { stdin, stdout, stderr } = process
  let failure: Error | undefined
  stdout.on('error', (error) => (failure ??= outputError(error)))
  // Talk that nobody hears is no reason to stop.
  stderr.on('error', () => undefined)
  return {
    stdin: inputOf(stdin),
    stdout,
    stderr,
    interactive: stderr.isTTY === true,
    write: (data) =>
      new Promise((resolve, reject) => {
        if (failure !== undefined) reject(failure)
        else stdout.write(data, (error) => (error ? reject(outputError(error)) : resolve()))
      }),
    say: (line) => void stderr.write(`${line}\n`),
  }
}

/** Node takes a folder for input that has ended; so an empty value would be stored, without a word. */
function inputOf(stdin: NodeJS.ReadStream): NodeJS.ReadStream {
  if (!fs.fstatSync(process.stdin.fd).isDirectory()) return stdin
  const refusing = new Readable({
    read() {
      this.destroy(new Error('standard input is a folder. Give a file.'))
    },
  })
  return refusing as unknown as NodeJS.ReadStream
}

function outputError(error: Error): Error {
  const { code } = error as NodeJS.ErrnoException
  if (code === 'EPIPE' || code === 'ERR_STREAM_DESTROYED') return new BrokenPipeError('nobody reads the output any more')
  return new Error(`the output cannot be written: ${error.message}`, { cause: error })
}

/** Colours for a stream: none where it is no terminal, or where the user wants none. */
export function colorsFor(stream: NodeJS.WriteStream): Colors {
  const { NO_COLOR, TERM } = process.env
  return picocolors.createColors(stream.isTTY === true && (NO_COLOR === undefined || NO_COLOR === '') && TERM !== 'dumb')
}

/** Characters in a line of the stream's terminal. */
export function widthOf(stream: NodeJS.WriteStream): number {
  return stream.columns > 0 ? stream.columns : 80
}

/** A line of progress that is written over again and again; nothing where `stderr` is no terminal. */
export class Status {
  private readonly terminal: Terminal
  private timer: NodeJS.Timeout | undefined

  /** `line` says what to show, given the seconds since the start. */
  constructor(terminal: Terminal, line: (seconds: number) => string) {
    this.terminal = terminal
    if (!terminal.interactive) return
    const start = performance.now()
    const show = () => {
      const text = oneLine(line(Math.floor((performance.now() - start) / 1000)))
      terminal.stderr.write(`\r\x1b[K${text.slice(0, widthOf(terminal.stderr) - 1)}`)
    }
    show()
    this.timer = setInterval(show, 250)
  }

  /** Takes the line away. */
  end(): void {
    if (this.timer === undefined) return
    clearInterval(this.timer)
    this.timer = undefined
    this.terminal.stderr.write('\r\x1b[K')
  }
}
