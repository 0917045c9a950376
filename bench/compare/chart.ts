/** Charts as SVG, on no ground of their own and in colours that can be read on light and dark ones. */
import type { Race } from './race.js'
import type { Curve } from './section.js'

const INK = '#7d8590'
const LINE = '#7d859055'
const OWN = '#2da44e'
const OTHER = '#8c959f'
const FONT = 'font-family="system-ui, -apple-system, Segoe UI, Helvetica, Arial, sans-serif"'

const COLUMN = 440
const GAP = 32
const BAR = 18

/** A panel for each race: a bar for each store, as long as it is fast; limits are hollow. */
export function barChart(races: readonly Race[]): string {
  const columns: { body: string; height: number }[] = [{ body: '', height: 16 }, { body: '', height: 16 }]
  for (const race of races) {
    const column = columns[0].height <= columns[1].height ? columns[0] : columns[1]
    const x = column === columns[0] ? GAP : COLUMN + 2 * GAP
    column.body += panel(race, x, column.height)
    column.height += 26 + shown(race).length * BAR + 22
  }
  return svg(2 * COLUMN + 3 * GAP, Math.max(...columns.map(({ height }) => height)), columns.map(({ body }) => body).join(''))
}

/** The limit of a read, memory itself, would leave no room for the bars beside it. */
function shown({ measured }: Race): Race['measured'] {
  return measured.filter(({ name }) => name !== 'limit: memory copy (C)' && !name.startsWith('limit: the same bytes'))
}

function panel(race: Race, x: number, y: number): string {
  const bars = shown(race)
  const most = Math.max(...bars.map(({ median }) => median))
  const names = 168
  const room = COLUMN - names - 64
  const lines = bars.map(({ name, median }, i) => {
    const top = y + 26 + i * BAR
    const width = Math.max(1, (room * median) / most)
    const own = name.startsWith('coppice')
    const fill = name.startsWith('limit') ? `fill="none" stroke="${OTHER}"` : `fill="${own ? OWN : OTHER}"`
    return [
      text(x + names - 8, top + 10, short(name), `text-anchor="end" font-size="11"${own ? ' font-weight="600"' : ''}`),
      `<rect x="${x + names}" y="${top}" width="${width.toFixed(1)}" height="${BAR - 6}" rx="2" ${fill}/>`,
      text(x + names + width + 6, top + 10, compact(median), 'font-size="11"'),
    ].join('')
  })
  return text(x, y + 14, `${race.title}, ${race.unit}`, 'font-size="12" font-weight="600"') + lines.join('')
}

function short(name: string): string {
  return name.replace('limit: one page and fdatasync', 'one page + fdatasync').replace('LMDB from C, cursor + memcpy', 'LMDB from C + memcpy')
}

/** A panel for each work, both axes logarithmic. */
export function growthChart(curves: readonly Curve[]): string {
  const works = [...new Set(curves.map(({ work }) => work))]
  const height = 190
  const body = works.map((work, i) => plot(curves.filter((curve) => curve.work === work), GAP + (i % 2) * (COLUMN + GAP), 16 + Math.floor(i / 2) * (height + 40), height))
  return svg(2 * COLUMN + 3 * GAP, 16 + Math.ceil(works.length / 2) * (height + 40), body.join(''))
}

function plot(curves: readonly Curve[], left: number, top: number, height: number): string {
  const points = curves.flatMap((curve) => curve.points)
  const entries = points.map(([x]) => Math.log10(x))
  const [from, to] = [Math.min(...entries), Math.max(...entries)]
  const low = Math.floor(Math.log10(Math.min(...points.map(([, y]) => y))))
  const high = Math.max(low + 1, Math.ceil(Math.log10(Math.max(...points.map(([, y]) => y)))))
  const area = { x: left + 48, y: top + 28, width: COLUMN - 150, height: height - 46 }
  const x = (value: number) => area.x + (to === from ? 0.5 : (Math.log10(value) - from) / (to - from)) * area.width
  const y = (value: number) => area.y + (1 - (Math.log10(value) - low) / (high - low)) * area.height
  let body = text(left, top + 14, `${curves[0].work}, ${curves[0].unit}`, 'font-size="12" font-weight="600"')
  for (let power = low; power <= high; power++) {
    const at = y(10 ** power)
    body += `<line x1="${area.x}" x2="${area.x + area.width}" y1="${at.toFixed(1)}" y2="${at.toFixed(1)}" stroke="${LINE}"/>`
    body += text(area.x - 6, at + 4, compact(10 ** power), 'text-anchor="end" font-size="11"')
  }
  for (const value of new Set(points.map(([at]) => at))) body += text(x(value), area.y + area.height + 16, compact(value), 'text-anchor="middle" font-size="11"')
  for (const { store, points: line } of curves) {
    const colour = store === 'coppice' ? OWN : OTHER
    const path = line.map(([at, value]) => `${x(at).toFixed(1)},${y(value).toFixed(1)}`).join(' ')
    body += `<polyline points="${path}" fill="none" stroke="${colour}" stroke-width="2"/>`
    for (const [at, value] of line) body += `<circle cx="${x(at).toFixed(1)}" cy="${y(value).toFixed(1)}" r="3" fill="${colour}"/>`
  }
  return body + lineNames(curves, area.x + area.width + 10, y)
}

/** The stores' names at the ends of their lines, moved apart where the lines end together. */
function lineNames(curves: readonly Curve[], x: number, y: (value: number) => number): string {
  const ends = curves.map(({ store, points }) => ({ store, at: y(points[points.length - 1][1]) })).sort((a, b) => a.at - b.at)
  for (let i = 1; i < ends.length; i++) ends[i].at = Math.max(ends[i].at, ends[i - 1].at + 14)
  return ends.map(({ store, at }) => text(x, at + 4, store, `font-size="11"${store === 'coppice' ? ' font-weight="600"' : ''}`)).join('')
}

function svg(width: number, height: number, body: string): string {
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${Math.ceil(height)}" width="${width}" height="${Math.ceil(height)}" ${FONT} fill="${INK}">${body}</svg>\n`
}

function text(x: number, y: number, content: string, attributes: string): string {
  const safe = content.replace(/&/g, '&amp;').replace(/</g, '&lt;')
  return `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" ${attributes}>${safe}</text>`
}

/** 1,234,567 as 1.23M. */
function compact(value: number): string {
  for (const [size, name] of [[1e6, 'M'], [1e3, 'k']] as const) {
    if (value >= size) return `${digits(value / size)}${name}`
  }
  return digits(value)
}

function digits(value: number): string {
  return String(Number(value.toPrecision(3)))
}
