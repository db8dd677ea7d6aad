import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { ExecutionContext } from 'ava'
import { type Answer, startApp, type TestApp, type TestBrowser } from './app.ts'
import notes from './notes.ts'
import { addFeature, cloneProject } from './project.ts'

export const NOTES = '/notes'

/** The application with a visitor's notes, closed when the test ends. */
export async function appWithNotes(t: ExecutionContext, env: Record<string, string> = {}): Promise<TestApp> {
  const app = await startApp(env, undefined, [notes])
  t.teardown(() => app.close())
  return app
}

/** A clone of the project with a visitor's notes, added as anybody would add a feature. */
export async function cloneWithNotes(t: Parameters<typeof cloneProject>[0]): Promise<string> {
  const folder = await cloneProject(t)
  const place = join(folder, 'src', 'features', 'notes', 'index.ts')
  const source = await readFile(join(folder, 'test', 'support', 'notes.ts'), 'utf8')
  await mkdir(dirname(place), { recursive: true })
  await writeFile(place, source.replaceAll(`'../../src/`, `'../../`))
  await addFeature(folder, 'src/features/notes/index.ts')
  return folder
}

/** Counts a note up. */
export const note = (browser: TestBrowser, name: string, count = 1): Promise<Answer> =>
  browser.json('POST', NOTES, { name, count })

export const clearNotes = (browser: TestBrowser): Promise<Answer> => browser.json('POST', '/notes/clear')

/** The count of each note. */
export const notesOf = async (browser: TestBrowser) => (await browser.json('GET', NOTES)).json<Record<string, number>>()

/** Signs somebody in without a password: where accounts have a page for that, it is tested there. */
export const signIn = (browser: TestBrowser, username: string, remember = false): Promise<Answer> =>
  browser.json('POST', '/notes/sign-in', { username, remember })

export const signOut = (browser: TestBrowser): Promise<Answer> => browser.json('POST', '/notes/sign-out')

export const isSignedIn = async (browser: TestBrowser) => (await browser.json('GET', '/notes/user')).status === 200

/** Ends the sessions of this user in all other browsers. */
export const endOthers = (browser: TestBrowser): Promise<Answer> => browser.json('POST', '/notes/end-others')
