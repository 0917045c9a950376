import type { Context } from './section.js'
import { emptyResult } from './section.js'
import { sections } from './sections.js'

/** Runs one section in a process of its own, so that no section meets code that another one has warmed up otherwise. */
const [name, context] = process.argv.slice(2)
const result = emptyResult()
await sections[name](JSON.parse(context) as Context, result)
process.send?.(result, undefined, undefined, () => process.disconnect())
