import { mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { djangoCodec } from '../../src/session/codec/django/django.ts'
import { DjangoFileStore } from '../../src/session/stores/file/django-file.ts'
import { FileStore } from '../../src/session/stores/file/file.ts'
import { httpLaws } from './laws.ts'
import { storedOn } from './stored.ts'

for (const layout of ['flat', 'hashed', 'dated', 'django'] as const) {
  httpLaws(`file, ${layout}`, layout === 'django' ? { oldKeyEnds: true } : {}, async (now) => {
    const parent = await mkdtemp(join(tmpdir(), 'holdfast-laws-'))
    const folder = join(parent, 'sessions')
    const theOnly = async () => {
      const entries = await readdir(folder, { recursive: true, withFileTypes: true })
      const [file] = entries.filter((entry) => entry.isFile())
      return join(file?.parentPath ?? '', file?.name ?? '')
    }
    return storedOn({
      codec:
        layout === 'django' ? djangoCodec({ secrets: ['a secret of the tests: 6f1f0c2b9d8e4a7c'], now }) : undefined,
      async store() {
        const store =
          layout === 'django'
            ? new DjangoFileStore({ folder, cookieName: 'sid', cookieAge: 1_209_600, now })
            : new FileStore({ folder, layout, now })
        await store.prepare()
        return store
      },
      record: {
        read: async () => await readFile(await theOnly()),
        write: async (bytes) => await writeFile(await theOnly(), bytes),
      },
      outage: {
        begin: async () => await rename(folder, `${folder}-away`),
        end: async () => await rename(`${folder}-away`, folder),
      },
      close: async () => await rm(parent, { recursive: true, force: true }),
    })
  })
}
