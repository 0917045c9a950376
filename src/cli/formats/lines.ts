import { BadLine } from './format.js'

/** Some lines that follow each other, without what ends them. */
export interface Lines {
  /** Number of the first of them, from 1. */
  readonly first: number
  readonly lines: readonly Buffer[]
}

/** The largest value takes this much in a dump in print, every byte an escape. */
const LONGEST = 3 * 2 ** 30 + 1

const NEWLINE = 0x0a
const RETURN = 0x0d

/** Cuts a stream of bytes into lines, which end with a line feed or a carriage return and a line feed. */
export async function* linesOf(source: AsyncIterable<Uint8Array>): AsyncGenerator<Lines, void, undefined> {
  let first = 1
  // Pieces of a line that has not ended are joined once, so that a long one does not cost the square of its length.
  let open: Buffer[] = []
  let openLength = 0
  for await (const piece of source) {
    const chunk = Buffer.from(piece.buffer, piece.byteOffset, piece.byteLength)
    const lines: Buffer[] = []
    let from = 0
    for (let end = chunk.indexOf(NEWLINE); end !== -1; end = chunk.indexOf(NEWLINE, from)) {
      const rest = chunk.subarray(from, end)
      lines.push(withoutReturn(open.length === 0 ? rest : Buffer.concat([...open, rest])))
      open = []
      openLength = 0
      from = end + 1
    }
    if (from < chunk.length) {
      open.push(chunk.subarray(from))
      openLength += chunk.length - from
      if (openLength > LONGEST) throw new BadLine(first + lines.length, 'this line is too long to be an entry.')
    }
    if (lines.length > 0) yield { first, lines }
    first += lines.length
  }
  if (open.length > 0) yield { first, lines: [withoutReturn(Buffer.concat(open))] }
}

function withoutReturn(line: Buffer): Buffer {
  return line.length > 0 && line[line.length - 1] === RETURN ? line.subarray(0, -1) : line
}
