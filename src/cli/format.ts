/** Numbers, sizes, bars and columns as people read them. */

/** 1234567 as `1,234,567`. */
export function number(value: number): string {
  return value.toLocaleString('en-US')
}

/** A number and the thing it counts, in the plural where it is not one. */
export function counted(value: number, one: string, many = `${one}s`): string {
  return `${number(value)} ${value === 1 ? one : many}`
}

/** Bytes in the unit that suits them. */
export function size(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB']
  let unit = 0
  while (bytes >= 1024 && unit < units.length - 1) {
    bytes /= 1024
    unit++
  }
  return `${unit === 0 ? bytes.toFixed(0) : bytes.toFixed(1)} ${units[unit]}`
}

/** A share from 0 to 1 in per cent. What is there is never shown as nothing, nor what lacks as all. */
export function percent(share: number): string {
  const rounded = Math.round(share * 100)
  if (rounded === 0 && share > 0) return '<1 %'
  return rounded === 100 && share < 1 ? '>99 %' : `${rounded} %`
}

/** A share from 0 to 1 as a bar. */
export function bar(share: number, width: number): string {
  const full = share > 0 ? Math.max(1, Math.round(Math.min(share, 1) * width)) : 0
  return '█'.repeat(full) + '░'.repeat(width - full)
}

/** What a column holds on the left or on the right. */
export type Align = 'left' | 'right'

/** Rows of text in columns, two spaces between them, without spaces at the end of a line. */
export function columns(rows: readonly (readonly string[])[], align: readonly Align[]): string[] {
  const widths = align.map((_, i) => Math.max(0, ...rows.map((row) => row[i]?.length ?? 0)))
  return rows.map((row) =>
    row
      .map((cell, i) => (align[i] === 'right' ? cell.padStart(widths[i]) : cell.padEnd(widths[i])))
      .join('  ')
      .trimEnd(),
  )
}

/** The text, cut to `width` characters with an ellipsis where it is longer. */
export function cut(text: string, width: number): string {
  if (text.length <= width) return text
  const end = Math.max(0, width - 1)
  // Half of a surrogate pair would show as a replacement character.
  const whole = /[\ud800-\udbff]/.test(text.charAt(end - 1)) ? end - 1 : end
  return `${text.slice(0, whole)}…`
}

/** A line of JSON. */
export function jsonLine(value: unknown): string {
  return `${JSON.stringify(value)}\n`
}
