import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import { cutDocuments, pagePaths } from '../../../scripts/maintainer/trim/documents.ts'

const README = `# Shop

| page | shows |
|---|---|
| \`/shelf\` (staff) | what is left |
| \`/shop\` | what can be bought, and \`/shelf\` |

Orders are packed from \`/shelf\`.
`

test('the row of a page goes with the page; rows and sentences that mention it stay', async (t) => {
  const root = await mkdtemp(join(tmpdir(), 'holdfast-documents-'))
  t.teardown(() => rm(root, { recursive: true }))
  for (const folder of ['docs', 'src/features/shelf', 'src/features/shop']) {
    await mkdir(join(root, folder), { recursive: true })
  }
  await writeFile(join(root, 'README.md'), README)
  await writeFile(join(root, 'src/features/shop/index.ts'), "router.get('/shop', show)\n")
  await writeFile(join(root, 'src/features/shelf/index.ts'), "router.get('/shelf', show)\nlinkTo('/shop')\n")
  const before = pagePaths(root)
  await rm(join(root, 'src/features/shelf'), { recursive: true })
  const left = new Set(pagePaths(root))
  const pages = new Set(before.filter((path) => !left.has(path)))
  t.deepEqual([...pages], ['/shelf'])

  cutDocuments(root, { kept: [], files: new Set(), settings: new Set(), scripts: new Set(), pages })
  t.is(await readFile(join(root, 'README.md'), 'utf8'), README.replace(/^\| `\/shelf`.*\n/m, ''))
})
