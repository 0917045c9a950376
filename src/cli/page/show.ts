/** A decoded page as text to read, and as JSON. */
import type { Colors } from '../terminal.js'
import { columns, counted, cut, size } from '../format.js'
import type { Notation } from '../text.js'
import { oneLine, toHex } from '../text.js'
import type { Cell, Decoded } from './decode.js'

/** Room for a key, and for a value, in a line. */
const KEY_WIDTH = 32
const VALUE_WIDTH = 48
const HEX_ROW = 16
/** Where the key stands among the columns of a cell. */
const KEY_COLUMN = 5

/** The page as text; `whole` adds all its bytes. */
export function showPage(path: string, decoded: Decoded, whole: boolean, notation: Notation, colors: Colors): string {
  const parts = [[`${colors.bold(`Page ${decoded.page}`)} of ${oneLine(path)}: ${title(decoded)}`]]
  if (decoded.wrong !== undefined) parts.push([colors.red(`Damaged: ${decoded.wrong}.`)])
  if (decoded.fields.length > 0) parts.push([colors.bold('Header'), ...fieldLines(decoded, colors)])
  if (decoded.cells.length > 0) parts.push([colors.bold('Cells'), ...cellLines(decoded.cells, notation, colors)])
  if (decoded.runs.length > 0) parts.push([colors.bold('Runs'), ...runLines(decoded, colors)])
  if (whole) parts.push([colors.bold('Bytes'), ...hexLines(decoded.bytes, colors)])
  return `${parts.map((lines) => lines.join('\n')).join('\n\n')}\n`
}

/** The page for a machine. */
export function pageJson({ page, kind, use, wrong, fields, cells, runs, bytes }: Decoded, whole: boolean, notation: Notation): object {
  return {
    page,
    kind,
    use,
    wrong: wrong ?? null,
    header: Object.fromEntries(fields.map(([name, value]) => [name.replace(/ (\w)/g, (_, letter: string) => letter.toUpperCase()), value])),
    cells: cells.map(({ keyText: _, value, ...cell }) => (value === undefined ? cell : { ...cell, value: notation.json(value) })),
    runs,
    ...(whole ? { hex: toHex(bytes) } : {}),
  }
}

function title({ kind, use, bytes }: Decoded): string {
  if (use === 'meta') return 'a meta slot'
  const what = kind === 'raw' ? (bytes.every((byte) => byte === 0) ? 'nothing but zeros' : 'bytes without a header') : `a ${kind}${kind === 'free log' ? ' page' : ''}`
  if (use === 'free') return `free; it holds ${kind === 'raw' ? what : `${what} of an earlier commit`}`
  if (use === 'beyond') return `${what}, behind the last page of the newest commit`
  if (use === 'unknown') return `${what}; whether it is in use cannot be told from what is left of the file`
  return kind === 'raw' ? `${what}, as parts of large values are` : `${what}, in use`
}

function fieldLines({ fields }: Decoded, { dim }: Colors): string[] {
  // A long name of a database would push the remarks of all other fields aside.
  const shown = fields.map(([name, value]) => [name, String(value)])
  return columns(shown, ['left', 'left']).map((line, i) => `  ${fields[i][2] === '' ? line : `${line.padEnd(22)}  ${dim(fields[i][2])}`}`)
}

function cellLines(cells: readonly Cell[], notation: Notation, { dim, cyan }: Colors): string[] {
  const titles = ['slot', 'head', 'offset', 'suffix', 'size', 'key', cells[0].child === undefined ? 'value' : 'child']
  const rows = cells.map((cell) => [
    String(cell.slot), cell.head, String(cell.offset), String(cell.suffixLength), String(cell.size), cut(cell.keyText, KEY_WIDTH), content(cell, notation),
  ])
  const lines = columns([titles, ...rows], ['right', 'left', 'right', 'right', 'right', 'left', 'left'])
  const begin = lines[0].indexOf('key')
  return lines.map((line, i) => {
    if (i === 0) return `  ${dim(line)}`
    const end = begin + rows[i - 1][KEY_COLUMN].length
    return `  ${line.slice(0, begin)}${cyan(line.slice(begin, end))}${line.slice(end)}`
  })
}

function content({ value, overflow, child }: Cell, notation: Notation): string {
  if (child !== undefined) return `page ${child.page}, ${counted(child.entries, 'entry', 'entries')}, checksum ${child.crc}`
  if (overflow !== undefined) return `${size(overflow.bytes)} from page ${overflow.page} on (${counted(overflow.pages, 'page')}), checksum ${overflow.crc}, born ${overflow.birth}`
  const bytes = value ?? new Uint8Array(0)
  const text = cut(notation.show(bytes), VALUE_WIDTH)
  return text.endsWith('…') ? `${text} ${size(bytes.length)}` : text
}

function runLines({ runs }: Decoded, { dim }: Colors): string[] {
  return runs.map(({ start, length, freed }) => `  ${start}${length > 1 ? `-${start + length - 1}` : ''}  ${dim(`${counted(length, 'page')} ${freed ? 'became free' : length === 1 ? 'was taken' : 'were taken'}`)}`)
}

/** Sixteen bytes a row; rows that repeat the one before are one star. */
function hexLines(bytes: Uint8Array, { dim }: Colors): string[] {
  const lines: string[] = []
  let before = ''
  for (let at = 0; at < bytes.length; at += HEX_ROW) {
    const row = Buffer.from(bytes.subarray(at, at + HEX_ROW))
    const hex = row.toString('hex')
    if (hex === before) {
      if (lines.at(-1) !== '  *') lines.push('  *')
      continue
    }
    before = hex
    const pairs = hex.replace(/../g, '$& ').replace(/^.{24}/, '$& ').trimEnd()
    lines.push(`  ${dim(at.toString(16).padStart(4, '0'))}  ${pairs}  ${dim(row.toString('latin1').replace(/[^\x20-\x7e]/g, '.'))}`)
  }
  return lines
}
