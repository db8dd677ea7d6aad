import { defineEngine } from '../part.ts'
import { databaseReady, openRecords, openTable } from '../records.ts'

/** Every session is a row in the database. */
export default defineEngine({
  name: 'db',
  help: 'a table of the database',
  settings: [],
  shareable: true,
  facts: () => ({ table: true }),
  choice: ({ session }) => (session.databaseUrl.startsWith('sqlite:') ? 'db on SQLite' : 'db on PostgreSQL or MySQL'),
  choices: () => import('./db.choices.ts'),
  open(place, context) {
    const store = openTable(place, context)
    return {
      engine: openRecords(place, store, context),
      facts: place.facts,
      keepsMetadata: place.format.keepsMetadata,
      store,
      ready: () => databaseReady(store),
      close: async () => {},
    }
  },
})
