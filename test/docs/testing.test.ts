import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import test from 'ava'
import { projectRoot } from '../../src/paths.ts'

test('the recipe in docs/testing.md is the test that runs', async (t) => {
  const document = await readFile(join(projectRoot, 'docs/testing.md'), 'utf8')
  const recipe = await readFile(join(projectRoot, 'test/recipe.test.ts'), 'utf8')
  t.true(document.includes(`\`\`\`ts\n// test/recipe.test.ts\n${recipe}\`\`\``))
})
