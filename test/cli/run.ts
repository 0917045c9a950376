/** Runs the `coppice` program as a process of its own, as users do. */
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import fs from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { beforeEach, onTestFinished } from 'vitest'
import { buildChildren } from '../child/build.js'
import { temporaryFolder } from '../helpers.js'

export interface RunOptions {
  /** What its standard input holds; nothing by default. */
  input?: string | Uint8Array
  /** Added to the environment. */
  env?: Record<string, string>
  /** A user other than the superuser, for whom permissions do not count. */
  user?: number
  /** An open file in place of a pipe for its standard output. */
  output?: number
  /** The same for its standard input. */
  stdin?: number
}

export interface Ran {
  /** The exit code, or the signal that ended it. */
  code: number | string | null
  /** What it wrote to standard output. */
  data: Buffer
  output: string
  talk: string
}

export interface Program {
  /** The file that Node runs. */
  readonly main: string
  /** Runs it to its end. */
  run(words: readonly string[], options?: RunOptions): Promise<Ran>
  /** Starts it; it is killed when the test has ended. */
  start(words: readonly string[], options?: RunOptions): ChildProcess
}

/** Builds the program once for the tests of a file. */
export function buildProgram(): Program {
  const folder = buildChildren()
  fs.copyFileSync(fileURLToPath(new URL('../../package.json', import.meta.url)), join(folder, 'package.json'))
  const main = join(folder, 'src/cli/main.js')
  const start = (words: readonly string[], { env = {}, user, output, stdin }: RunOptions = {}): ChildProcess => {
    const child = spawn(process.execPath, [main, ...words], {
      stdio: [stdin ?? 'pipe', output ?? 'pipe', 'pipe'],
      env: { ...process.env, ...env },
      ...(user === undefined ? {} : { uid: user, gid: user }),
    })
    onTestFinished(() => void child.kill('SIGKILL'))
    return child
  }
  return {
    main,
    start,
    async run(words, options = {}) {
      const child = start(words, options)
      const pieces: Buffer[] = []
      let talk = ''
      child.stdout?.on('data', (piece: Buffer) => pieces.push(piece))
      child.stderr?.setEncoding('utf8').on('data', (text: string) => (talk += text))
      // A program that does not read its input may end before it has come.
      child.stdin?.on('error', () => undefined)
      child.stdin?.end(options.input ?? '')
      await once(child, 'close')
      const data = Buffer.concat(pieces)
      return { code: child.exitCode ?? child.signalCode, data, output: data.toString('utf8'), talk }
    },
  }
}

/** The folder of the test that runs, and the path of a store in it; see `eachInAFolder`. */
export let folder: string
export let path: string

/** Gives each test of a file a folder of its own. */
export function eachInAFolder(): void {
  beforeEach(() => {
    folder = temporaryFolder()
    path = join(folder, 'store.coppice')
  })
}
