/** Each format's reader and writer by its name. */
import { csvWriter, readCsv } from './csv.js'
import type { FormatName, Reader, Writer, WriteOptions } from './format.js'
import { mdbDumpWriter, readMdbDump } from './mdb-dump.js'
import { ndjsonWriter, readNdjson } from './ndjson.js'

export const READERS: Readonly<Record<FormatName, Reader>> = {
  ndjson: readNdjson,
  csv: (source, options) => readCsv('csv', source, options),
  tsv: (source, options) => readCsv('tsv', source, options),
  mdb_dump: readMdbDump,
}

export const WRITERS: Readonly<Record<FormatName, (options: WriteOptions) => Writer>> = {
  ndjson: ndjsonWriter,
  csv: (options) => csvWriter('csv', options),
  tsv: (options) => csvWriter('tsv', options),
  mdb_dump: mdbDumpWriter,
}
