import { resolve } from 'node:path'
import { z } from 'zod'
import type { Config } from '../../config.ts'
import { projectRoot } from '../../paths.ts'
import { FileStore } from '../../session/stores/file/file.ts'
import { ConfigError, defineSettings, setting } from '../../settings.ts'
import { defineEngine } from '../part.ts'
import { messageOf, openCodec, openRecords } from '../records.ts'

const settings = defineSettings({
  SESSION_FILE_PATH: setting(z.string().min(1).default('./data/sessions'), 'The folder of the file engine'),
  SESSION_FILE_LAYOUT: setting(
    z.enum(['flat', 'hashed', 'dated']).default('hashed'),
    'The layout of the folder: flat, hashed or dated',
  ),
})

/** Every session is a file. */
export default defineEngine({
  name: 'file',
  help: 'a folder',
  settings: [settings],
  shareable: true,
  facts: (config) => ({ folder: folderOf(config) }),
  choice: () => 'file',
  choices: () => import('./file.choices.ts'),
  async open(storage, context) {
    const { config } = context
    const folder = folderOf(config)
    const codec = openCodec(storage, context)
    const { cookie, expiry, storeTimeout: timeout } = config.session
    const { SESSION_FILE_LAYOUT: layout } = settings.of(config)
    const options = { folder, cookieName: cookie.name, cookieAge: expiry.cookieAge, timeout, codec }
    const store = (await storage.format.openFiles?.(options)) ?? new FileStore({ folder, layout, timeout })
    return {
      engine: openRecords(storage, store, context, codec),
      facts: storage.facts,
      keepsMetadata: storage.format.keepsMetadata,
      store,
      ready: () =>
        store.prepare().catch((error: unknown) => {
          throw new ConfigError(`${messageOf(error)} SESSION_FILE_PATH is its setting.`)
        }),
      close: async () => {},
    }
  },
})

function folderOf(config: Config): string {
  return resolve(projectRoot, settings.of(config).SESSION_FILE_PATH)
}
