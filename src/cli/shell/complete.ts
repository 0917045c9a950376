/** What the tab key offers: commands, trees, and keys of the store. */
import { SHELL_COMMANDS } from './commands.js'
import type { Session } from './session.js'
import { bytesTyped, typable, typed } from './words.js'

/** Keys offered at most, where several go on differently. */
const OFFERED = 100

/** What may stand in place of the end of the line, and that end. */
export type Completion = [offers: string[], end: string]

export function complete(session: Session, line: string): Completion {
  const { before, word, quote } = typed(line)
  const end = line.slice(word.start)
  if (before.length === 0) return [commandsFor(end), end]
  const command = SHELL_COMMANDS.find(({ name }) => name === before[0])
  if (before.length > 1 || command === undefined) return [[], end]
  if (command.completes === 'command') return [commandsFor(end), end]
  const start = bytesTyped(word.text)
  if (start === undefined || command.completes === undefined) return [[], end]
  const open = end.slice(0, end.length - danglingEscape(end))
  const candidates = command.completes === 'key' ? keysFor(session, start) : treesFor(session, start)
  const offers = candidates.map(({ bytes, whole }) => `${open}${typable(bytes.subarray(start.length), quote)}${whole ? `${quote} ` : ''}`)
  return [offers.filter((offer) => offer.startsWith(end)), end]
}

interface Candidate {
  readonly bytes: Uint8Array
  /** False where the keys go on differently behind it. */
  readonly whole: boolean
}

function commandsFor(start: string): string[] {
  return SHELL_COMMANDS.filter(({ name }) => name.startsWith(start)).map(({ name }) => `${name} `)
}

/** The only key that begins like this; or what all of them go on with; or some of them, where they differ at once. */
function keysFor({ tree }: Session, prefix: Uint8Array): readonly Candidate[] {
  const [first] = tree.keys({ prefix, limit: 1 })
  const [last] = tree.keys({ prefix, limit: 1, reverse: true })
  if (first === undefined || last === undefined) return []
  if (Buffer.compare(first, last) === 0) return [{ bytes: first, whole: true }]
  const shared = sharedStart(first, last)
  if (shared > prefix.length) return [{ bytes: first.subarray(0, shared), whole: false }]
  // With the last one among them, they have no more in common than all keys have.
  const some = [...tree.keys({ prefix, limit: OFFERED })]
  return [...some, ...(tree.rank(some[some.length - 1]) < tree.rank(last) ? [last] : [])].map((bytes) => ({ bytes, whole: false }))
}

function treesFor(session: Session, prefix: Uint8Array): readonly Candidate[] {
  const names = session.trees().map((name) => Buffer.from(name)).filter((name) => name.subarray(0, prefix.length).equals(prefix))
  return names.map((bytes) => ({ bytes, whole: names.length === 1 }))
}

/** Bytes at the beginning that both have, whole UTF-8 characters where they are such. */
function sharedStart(a: Uint8Array, b: Uint8Array): number {
  let length = 0
  while (length < a.length && length < b.length && a[length] === b[length]) length++
  let start = length
  while (start > 0 && start > length - 3 && isContinuation(a[start])) start--
  return length < a.length && isContinuation(a[length]) ? start : length
}

function isContinuation(byte: number): boolean {
  return (byte & 0xc0) === 0x80
}

/** Characters of an escape at the end that is not whole. */
function danglingEscape(text: string): number {
  return /(?<!\\)(?:\\\\)*(\\(?:x[0-9a-f]?)?)$/i.exec(text)?.[1].length ?? 0
}
