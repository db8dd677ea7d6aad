import { migrate, openDatabase } from '../src/database.ts'
import { DEFAULT_DATABASE_URL } from '../src/database-address.ts'
import { errorLine } from '../src/log-error.ts'
import { seed } from '../src/seed.ts'
import { ConfigError } from '../src/settings.ts'

/** Creates, migrates and seeds the database before the development server starts. */
try {
  const url = process.env['DATABASE_URL'] || DEFAULT_DATABASE_URL
  const sessionUrl = process.env['SESSION_DATABASE_URL'] || url
  const knex = openDatabase(url)
  const migrations = await migrate(knex)
  if (sessionUrl !== url) {
    const sessions = openDatabase(sessionUrl)
    migrations.push(...(await migrate(sessions)))
    await sessions.destroy()
  }
  const seeded = await seed(knex, { demoUsers: true })
  if (migrations.length > 0) console.log(`Ran ${migrations.length} migrations.`)
  if (seeded.length > 0) console.log(`Seeded: ${seeded.join(', ')}.`)
  await knex.destroy()
} catch (error) {
  const known = error instanceof ConfigError
  console.error(known ? error.message : `The database could not be prepared: ${errorLine(error)}`)
  process.exit(1)
}
