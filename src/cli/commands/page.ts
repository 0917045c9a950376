/** `coppice page`: a page of the file, decoded. */
import { CoppiceError } from '../../index.js'
import type { Command, Terminal } from '../command.js'
import { EXIT, NotFoundError } from '../command.js'
import { jsonLine } from '../format.js'
import { notationOf, optionsFor, wholeNumber } from '../options.js'
import { decodePage } from '../page/decode.js'
import { pageJson, showPage } from '../page/show.js'
import { PageFile } from '../page/source.js'
import type { ByteStore } from '../store.js'
import { openStore } from '../store.js'
import { colorsFor } from '../terminal.js'

const shared = optionsFor('hex', 'json')

export const page: Command = {
  name: 'page',
  summary: 'show one page of the file, decoded',
  usage: '<store> <number>',
  positionals: [2, 2],
  options: { brief: { type: 'boolean' }, ...shared.options },
  help: { brief: 'without the bytes of the page', ...shared.help },
  notes: [
    'Pages 0, 1 and 2 are the meta slots; there the roots of the trees stand. format-spec.md explains every field.',
    'Of a key, what stands behind the prefix is its suffix; the head is the first four bytes of that, in hex.',
    'A damaged page is shown as far as it can be, also where the store cannot be opened.',
  ],
  examples: [
    ['coppice page data.coppice 0', 'a meta slot'],
    ['coppice page data.coppice 17 --brief', 'header and cells'],
    ['coppice page data.coppice 17 --json | jq .header', 'for another program'],
  ],
  async run(args, terminal) {
    const [path, text] = args.positionals
    const wanted = wholeNumber('the number of a page', text)
    const db = openAnyway(path, terminal)
    const file = new PageFile(path)
    try {
      if (wanted >= file.pages) throw new NotFoundError(`there is no page ${wanted}: the file has pages 0 to ${file.pages - 1}.`)
      const notation = notationOf(args)
      const decoded = decodePage(file, wanted, notation)
      const whole = args.values.brief !== true
      const output = args.values.json === true ? jsonLine(pageJson(decoded, whole, notation)) : showPage(path, decoded, whole, notation, colorsFor(terminal.stdout))
      await terminal.write(output)
      return EXIT.OK
    } finally {
      file.close()
      db?.close()
    }
  },
}

/** The store, so that nobody writes meanwhile; undefined where it is too damaged to be opened, for then its pages are of interest the more. */
function openAnyway(path: string, terminal: Terminal): ByteStore | undefined {
  try {
    return openStore(path, 'read')
  } catch (error) {
    if (!(error instanceof CoppiceError) || error.code !== 'COPPICE_CORRUPT') throw error
    terminal.say(`The store cannot be opened: ${error.message}`)
    return undefined
  }
}
