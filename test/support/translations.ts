import { join } from 'node:path'
import { loadFeatures } from '../../src/features/index.ts'
import { codeFolder, featureFolder } from '../../src/paths.ts'
import { openTranslations } from '../../src/web/i18n.ts'

/** The application's translators, by language. */
export const translations = openTranslations([
  join(codeFolder, 'web'),
  ...(await loadFeatures()).map(({ name }) => featureFolder(name)),
])
