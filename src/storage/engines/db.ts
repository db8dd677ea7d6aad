import { defineEngine } from '../part.ts'
import { openRecords, openTable, recordsReady } from '../records.ts'

/** Every session is a row in the database. */
export default defineEngine({
  name: 'db',
  help: 'a table of the database',
  settings: [],
  shareable: true,
  facts: () => ({ table: true }),
  choice: ({ session }) => (session.databaseUrl.startsWith('sqlite:') ? 'db on SQLite' : 'db on PostgreSQL or MySQL'),
  choices: () => import('./db.choices.ts'),
  open(storage, context) {
    const store = openTable(storage, context)
    return {
      engine: openRecords(storage, store, context),
      facts: storage.facts,
      keepsMetadata: storage.format.keepsMetadata,
      store,
      ready: () => recordsReady(store),
      close: async () => {},
    }
  },
})
