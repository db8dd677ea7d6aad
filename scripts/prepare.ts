import { migrate, openDatabase } from '../src/database.ts'
import { errorSentence } from '../src/log-error.ts'
import { seed } from '../src/seed.ts'
import { ConfigError } from '../src/settings.ts'

/** Before the development server starts: the database is made, brought up to date and filled. */
try {
  const url = process.env['DATABASE_URL'] || 'sqlite:./data/app.sqlite3'
  const sessionUrl = process.env['SESSION_DATABASE_URL'] || url
  const knex = openDatabase(url)
  const migrations = await migrate(knex)
  if (sessionUrl !== url) {
    const sessions = openDatabase(sessionUrl)
    migrations.push(...(await migrate(sessions)))
    await sessions.destroy()
  }
  const seeded = await seed(knex, { demoUsers: true })
  if (migrations.length > 0) console.log(`Migrated: ${migrations.length} steps.`)
  if (seeded.length > 0) console.log(`Seeded: ${seeded.join(', ')}.`)
  await knex.destroy()
} catch (error) {
  const known = error instanceof ConfigError
  console.error(known ? error.message : `The database could not be prepared: ${errorSentence(error)}`)
  process.exit(1)
}
