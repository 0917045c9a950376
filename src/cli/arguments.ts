/** The words behind a command's name, looked at word by word so that each mistake gets a sentence of its own. */
import { parseArgs } from 'node:util'
import type { Arguments, Command } from './command.js'
import { UsageError } from './command.js'
import { nearest } from './nearest.js'

interface OptionToken {
  kind: 'option'
  name: string
  rawName: string
  value: string | undefined
  inlineValue: boolean | undefined
}

/** The arguments of a command; `values.help` is true where its help is wanted. */
export function parseArguments(command: Command, words: readonly string[]): Arguments {
  const options = { ...command.options, help: { type: 'boolean', short: 'h' } } as const satisfies Command['options']
  const { positionals, values, tokens } = parseArgs({ args: [...words], options, strict: false, allowPositionals: true, tokens: true })
  const given = new Set<string>()
  for (const token of tokens) {
    if (token.kind !== 'option') continue
    assertOption(token, options)
    if (given.has(token.name)) throw new UsageError(`${token.rawName} is given twice.`)
    given.add(token.name)
  }
  if (values.help !== true) assertCount(command, positionals)
  return { positionals, values: values as Arguments['values'] }
}

function assertOption({ name, rawName, value, inlineValue }: OptionToken, options: Command['options']): void {
  const option = Object.hasOwn(options, name) ? options[name] : undefined
  if (option === undefined) {
    const meant = nearest(name, Object.keys(options))
    const hint = meant === undefined ? 'A key or value that begins with - stands behind --.' : `Did you mean --${meant}?`
    throw new UsageError(`there is no option ${rawName}. ${hint}`)
  }
  if (option.type === 'boolean' && value !== undefined) throw new UsageError(`${rawName} takes no value.`)
  if (option.type === 'string' && value === undefined) throw new UsageError(`${rawName} wants a value.`)
  if (option.type === 'string' && inlineValue !== true && value?.startsWith('-') === true && value !== '-') {
    throw new UsageError(`${rawName} wants a value, and ${value} looks like an option. If it is the value, write ${rawName}=${value}.`)
  }
}

function assertCount({ positionals: [least, most], usage }: Command, positionals: readonly string[]): void {
  if (positionals.length > most) throw new UsageError(`${JSON.stringify(positionals[most])} is one argument too many. In a shell, text with spaces needs quotes.`)
  if (positionals.length >= least) return
  const missing = (usage.match(/<[^>]+>/g) ?? [])[positionals.length]
  throw new UsageError(missing === undefined ? 'an argument is missing.' : `${missing} is missing.`)
}
