/**
 * A line of the shell as words. Blanks separate them; quotes of either kind hold blanks, and so does a backslash before
 * one. What a word then says is the text form of bytes, so `\xNN` and `\\` stay as they are.
 */
import { UsageError } from '../command.js'
import { fromText, toText } from '../text.js'

export interface Word {
  /** The text form, quotes taken away. */
  readonly text: string
  /** Where it begins in the line. */
  readonly start: number
}

interface Split {
  readonly words: readonly Word[]
  /** The quote that the end of the line stands within, or nothing. */
  readonly quote: string
  /** True where the line ends within a word. */
  readonly inWord: boolean
}

const BLANK = /[ \t]/
const QUOTE = /["']/

/** The words of a line; throws `UsageError` where a quote is left open. */
export function wordsOf(line: string): string[] {
  const { words, quote } = split(line)
  if (quote !== '') throw new UsageError(`a quote ${quote} is not closed. Within a word, write it as \\${quote}.`)
  return words.map(({ text }) => text)
}

/** The words before the end of the line, and the one that is being typed there. */
export function typed(line: string): { before: readonly string[]; word: Word; quote: string } {
  const { words, quote, inWord } = split(line)
  const texts = words.map(({ text }) => text)
  const word = inWord ? words[words.length - 1] : { text: '', start: line.length }
  return { before: inWord ? texts.slice(0, -1) : texts, word, quote }
}

function split(line: string): Split {
  const words: Word[] = []
  let quote = ''
  let text = ''
  let start = -1
  for (let at = 0; at < line.length; at++) {
    const character = line[at]
    if (quote === '' && BLANK.test(character)) {
      if (start !== -1) words.push({ text, start })
      text = ''
      start = -1
      continue
    }
    if (start === -1) start = at
    if (character === '\\') text += escape(line, ++at)
    else if (quote === '' && QUOTE.test(character)) quote = character
    else if (character === quote) quote = ''
    else text += character
  }
  if (start !== -1) words.push({ text, start })
  return { words, quote, inWord: start !== -1 }
}

/** What a backslash before the character at `at` stands for; the text form keeps its own escapes. */
function escape(line: string, at: number): string {
  const next = line.charAt(at)
  return BLANK.test(next) || QUOTE.test(next) ? next : `\\${next}`
}

/** Bytes as they are typed behind what stands in the line already, within that quote or without one. */
export function typable(bytes: Uint8Array, quote: string): string {
  const text = toText(bytes)
  return quote === '' ? text.replace(/[ "']/g, '\\$&') : text.replaceAll(quote, `\\${quote}`)
}

/** The bytes of a word that may not be typed to its end: an escape that is not whole is left out. */
export function bytesTyped(text: string): Uint8Array | undefined {
  const whole = text.replace(/(?<!\\)((?:\\\\)*)\\(?:x[0-9a-f]?)?$/i, '$1')
  try {
    return fromText(whole)
  } catch {
    return undefined
  }
}
