/** `coppice compact`: a store written anew, beside the old one or in its place. */
import { existsSync, realpathSync, statSync } from 'node:fs'
import { resolve } from 'node:path'
import { CoppiceError } from '../../index.js'
import type { Command } from '../command.js'
import { EXIT, UsageError } from '../command.js'
import { jsonLine, percent, size } from '../format.js'
import { cleaningUp, removeTemporaries, temporariesOf } from '../interrupt.js'
import { optionsFor } from '../options.js'
import type { Compacted } from '../tasks.js'
import { start } from '../tasks.js'
import { Status } from '../terminal.js'

/** What a name of the engine's own ends with, for a file that is not whole. */
const TEMPORARY_END = /^\.\d+\.[0-9a-f]{12}\.new/

export const compact: Command = {
  name: 'compact',
  summary: 'write a store anew, into full pages and without free space',
  usage: '<store> [target]',
  positionals: [1, 2],
  ...optionsFor('json'),
  notes: [
    'With a target, the store stays as it is, and the target is a new file.',
    'Without one, the new file takes the place of the old one when it is whole and on the disk. Until then',
    'both take room, and nobody else can have the store open.',
  ],
  examples: [
    ['coppice compact data.coppice', 'in place of the old file'],
    ['coppice compact data.coppice small.coppice', 'into a new file'],
  ],
  async run(args, terminal) {
    const [path, target] = args.positionals
    if (target !== undefined && resolve(target) === resolve(path)) throw new UsageError('store and target are the same file. Leave the target out to compact in place.')
    // A rename onto a symbolic link would replace the link, not what it leads to.
    const source = target === undefined && existsSync(path) ? realpathSync(path) : path
    const { before, after } = await work(source, target, (line) => new Status(terminal, line))
    terminal.say(`${target ?? path}: ${size(before)} before, ${size(after)} after${before > 0 ? ` (${percent(after / before)})` : ''}`)
    if (args.values.json === true) await terminal.write(jsonLine({ path: target ?? path, before, after }))
    return EXIT.OK
  },
}

async function work(path: string, target: string | undefined, showing: (line: (seconds: number) => string) => Status): Promise<Compacted> {
  const end = target ?? path
  const running = start({ kind: 'compact', path, target })
  const status = showing((seconds) => `compacting ${path}, ${size(bytesOf(path))}: ${size(written(end))} written ... ${seconds} s`)
  const cleanUp = async () => {
    status.end()
    await running.stop()
    removeTemporaries(end)
  }
  try {
    return await cleaningUp(cleanUp, () => running.outcome)
  } catch (error) {
    throw target === undefined ? besideNamed(path, error) : error
  } finally {
    status.end()
  }
}

/** In place, an error may be about the new file, which has a name that nobody knows. */
function besideNamed(path: string, error: unknown): unknown {
  if (!(error instanceof Error)) return error
  const message = error.message.split(path).map((part, i) => (i > 0 && TEMPORARY_END.test(part) ? part.replace(TEMPORARY_END, ' as a new file beside the old one') : part)).join(path)
  return error instanceof CoppiceError ? new CoppiceError(error.code, message, { cause: error }) : new Error(message, { cause: error })
}

function written(target: string): number {
  return Math.max(0, ...temporariesOf(target).map(bytesOf))
}

function bytesOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0
}
