/** `format-spec.md` and the code say the same: layouts, constants, flags, hex examples, numbered rules. */
import fs from 'node:fs'
import { describe, expect, it } from 'vitest'
import * as layout from '../src/page/layout.js'
import { expectation, vectorBytes, VECTORS } from './vectors/vector.js'

const spec = fs.readFileSync(new URL('../format-spec.md', import.meta.url), 'utf8')

type Row = Record<string, string>

/** The table behind a mark such as `<!-- layout: HEADER -->`, and all marks of that kind. */
function tables(kind: string): Map<string, Row[]> {
  const found = new Map<string, Row[]>()
  for (const [, name, text] of spec.matchAll(new RegExp(`<!-- ${kind}:? ?(\\w*) -->\\n\\n((?:\\|.*\\n)+)`, 'g'))) {
    const [head, , ...lines] = text.trimEnd().split('\n').map((line) => line.slice(1, -1).split('|').map((cell) => cell.trim()))
    expect(found.has(name), `two tables for ${name}`).toBe(false)
    found.set(name, lines.map((cells) => Object.fromEntries(cells.map((cell, i) => [head[i], cell]))))
  }
  return found
}

const constantName = (name: string): string => name.toUpperCase().replaceAll(' ', '_')

/** Structures whose fields are offsets, and those whose members are values. */
const STRUCTURES = ['HEADER', 'SLOT', 'LEAF_CELL', 'OVERFLOW_REF', 'BRANCH_CELL', 'TREE_POINTER', 'CATALOG_RECORD', 'META', 'RUN', 'FREE_LOG', 'JOURNAL'] as const
const VALUES = ['TYPE', 'LEAF_FLAG', 'BRANCH_FLAG', 'CHANGE'] as const
/** Where the first field of a structure begins, when that is not 0. */
const BEGINS: Partial<Record<(typeof STRUCTURES)[number], number>> = { META: layout.HEADER.SIZE, FREE_LOG: layout.HEADER.SIZE, JOURNAL: layout.HEADER.SIZE }
const SIZES: Record<string, number> = { u8: 1, u16: 2, u32: 4, u48: 6, u64: 8, 'tree pointer': layout.TREE_POINTER.SIZE }

describe('the layouts', () => {
  const documented = tables('layout')

  it('are all there, and no others', () => {
    expect([...documented.keys()].sort()).toEqual([...STRUCTURES].sort())
  })

  it.each(STRUCTURES)('%s has the same fields at the same offsets', (name) => {
    const code: Record<string, number> = { ...layout[name] }
    delete code.SIZE
    delete code.FREED
    const said = Object.fromEntries((documented.get(name) ?? []).map((row) => [constantName(row.Name), Number(row.Offset)]))
    expect(said).toEqual(code)
  })

  it.each(STRUCTURES)('%s has fields without gaps, of the sizes of their types', (name) => {
    let at = BEGINS[name] ?? 0
    for (const row of documented.get(name) ?? []) {
      expect(Number(row.Offset), `${name} ${row.Name}`).toBe(at)
      if (row.Type in SIZES) expect(Number(row.Size), `${name} ${row.Name}`).toBe(SIZES[row.Type])
      at = row.Size === 'variable' ? NaN : at + Number(row.Size)
    }
    const sizes: Record<string, number> = layout[name]
    if ('SIZE' in sizes) {
      expect(at).toBe(sizes.SIZE)
      expect(spec, `the size of ${name} in words`).toContain(`${sizes.SIZE} bytes long`)
    } else expect(at, `${name} ends with a field of no fixed size`).toBeNaN()
  })
})

describe('the values', () => {
  const documented = tables('values')

  it('are all there, and no others', () => {
    expect([...documented.keys()].sort()).toEqual([...VALUES, 'RUN'].sort())
  })

  it.each(VALUES)('%s has the same members', (name) => {
    const said = Object.fromEntries((documented.get(name) ?? []).map((row) => [constantName(row.Name), Number(row.Value)]))
    expect(said).toEqual({ ...layout[name] })
  })

  it('the bit of a run is the same', () => {
    expect(documented.get('RUN')?.map((row) => [row.Name, Number(row.Value)])).toEqual([['freed', layout.RUN.FREED]])
  })
})

describe('the constants', () => {
  it('are the same ones with the same values', () => {
    const code = Object.entries(layout).filter(([name]) => !([...STRUCTURES, ...VALUES] as string[]).includes(name))
    const said = (tables('constants').get('') ?? []).map((row): [string, unknown] => [row.Name, valueOf(row.Value)])
    expect(Object.fromEntries(said)).toEqual(Object.fromEntries(code.map(([name, value]) => [name, value instanceof Uint8Array ? [...value] : value])))
  })
})

/** The comments that open the property files and say what they check. */
function propertyHeads(): string[] {
  const folder = new URL('../properties/', import.meta.url)
  const files = fs.readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.test.ts'))
  return files.map((name) => /^\/\*\*[\s\S]*?\*\//.exec(fs.readFileSync(new URL(name.replaceAll('\\', '/'), folder), 'utf8'))?.[0] ?? '')
}

/** Numbers of the invariants that a text cites: `I5`, or `I5 to I9` for all of these. */
function invariantsIn(text: string): number[] {
  return [...text.matchAll(/\bI(\d+)(?: to I(\d+))?\b/g)].flatMap(([, first, last = first]) =>
    Array.from({ length: Number(last) - Number(first) + 1 }, (_, i) => Number(first) + i),
  )
}

function valueOf(text: string): number | number[] {
  if (text.includes(' ')) return text.split(' ').map((digits) => parseInt(digits, 16))
  const [base, exponent = '1'] = text.split('^')
  return Number(base) ** Number(exponent)
}

describe('the hex examples', () => {
  const blocks = [...spec.matchAll(/```hex (\S+)\n([\s\S]*?)```/g)]

  it('stand with every structure', () => {
    expect(blocks.length).toBeGreaterThanOrEqual(STRUCTURES.length)
    for (const section of spec.split(/^## /m).slice(1)) {
      if (section.includes('<!-- layout:')) expect(section, section.slice(0, 20)).toContain('```hex ')
    }
  })

  it.each(blocks.map(([, name, text], i) => ({ name, text, i })))('number $i is what stands in $name', ({ name, text }) => {
    const bytes = vectorBytes(name)
    for (const line of text.trimEnd().split('\n')) {
      const [, offset, digits] = /^([0-9a-f]{6}) {2}((?:[0-9a-f]{2} )+) *\|/.exec(line) ?? []
      expect(digits, `a line of no known form: ${line}`).toBeDefined()
      const at = parseInt(offset, 16)
      const wanted = digits.trim()
      expect(Buffer.from(bytes.subarray(at, at + wanted.split(' ').length)).toString('hex'), line).toBe(wanted.replaceAll(' ', ''))
    }
  })
})

describe('the rest of the text', () => {
  it('numbers its invariants without gaps, and cites none that is not there', () => {
    const defined = [...spec.matchAll(/^- \*\*I(\d+)\*\*/gm)].map(([, number]) => Number(number))
    expect([...defined].sort((a, b) => a - b)).toEqual(defined.map((_, i) => i + 1))
    for (const [, number] of spec.matchAll(/\bI(\d+)\b/g)) expect(defined).toContain(Number(number))
  })

  it('has invariants that are each cited by a property, and properties cite no others', () => {
    const defined = [...spec.matchAll(/^- \*\*I(\d+)\*\*/gm)].map(([, number]) => Number(number))
    const cited = new Set(propertyHeads().flatMap(invariantsIn))
    expect(defined.filter((number) => !cited.has(number)).map((number) => `I${number}`), 'cited by no property').toEqual([])
    expect([...cited].filter((number) => !defined.includes(number)), 'cited, and not there').toEqual([])
  })

  it('links to sections that are there', () => {
    const anchors = [...spec.matchAll(/^#+ (.+)$/gm)].map(([, title]) => title.toLowerCase().replace(/[^\w\s-]/g, '').replaceAll(' ', '-'))
    for (const [, anchor] of spec.matchAll(/\]\(#([^)]+)\)/g)) expect(anchors).toContain(anchor)
  })

  it('lists every test vector', () => {
    for (const name of VECTORS) {
      expect(spec).toContain(`| ${name} |`)
      expect(expectation(name).description).not.toBe('')
    }
  })
})
