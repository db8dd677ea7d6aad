import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { z } from 'zod'

/** The one line of a registry, from the root, that contains this text. */
export interface RegistryLine {
  readonly registry: string
  readonly text: string
}

/** What trim has to know of one part of the project. */
export interface Part {
  readonly kind: 'engine' | 'cache' | 'format' | 'migration' | 'feature' | 'language'
  readonly name: string
  readonly lines: readonly RegistryLine[]
  /** Files and folders that belong to it alone, where they are there; "*" stands for any folder. */
  readonly places: readonly string[]
  /** Names of features, kinds of storage, or {@link OWN_FORMAT}, that it does not work without. */
  readonly requires: readonly string[]
  /** What it provides beside its name and kind. */
  readonly provides?: string
}

/** A format that no other program uses: what engines require whose records only this application may write. */
export const OWN_FORMAT = 'own format'

const storagePart = z.object({
  kind: z.enum(['engine', 'cache', 'format', 'migration']),
  name: z.string(),
  requires: z.array(z.string()).optional(),
  shareable: z.boolean().optional(),
  shared: z.boolean().optional(),
})
const feature = z.object({ name: z.string(), requires: z.array(z.string()) })
const language = z.object({ value: z.string() })

const FEATURES = 'src/features/index.ts'
const STORAGE = 'src/storage/index.ts'
const MIGRATING = 'src/storage/migrating.ts'
const LANGUAGES = 'src/web/languages.ts'

/** The parts of the project in this folder, by its own registries. */
export async function readParts(root: string): Promise<Part[]> {
  const load = async (file: string) => (await import(pathToFileURL(join(root, file)).href)) as Record<string, unknown>
  const [storage, features, languages] = await Promise.all([load(STORAGE), load(FEATURES), load(LANGUAGES)])
  const loadFeatures = z.custom<() => Promise<unknown>>((value) => typeof value === 'function')
  return [
    ...z
      .array(storagePart)
      .parse(storage['parts'])
      .map((part) => ofStorage(root, part)),
    ...z
      .array(feature)
      .parse(await loadFeatures.parse(features['loadFeatures'])())
      .map(ofFeature),
    // English is what views and code are written in.
    ...z
      .array(language)
      .parse(languages['LANGUAGE_OPTIONS'])
      .filter(({ value }) => value !== 'en')
      .map(ofLanguage),
  ]
}

function ofStorage(root: string, { kind, name, shareable, shared, requires = [] }: z.infer<typeof storagePart>): Part {
  const file = name.replaceAll('_', '-')
  const place = kind === 'migration' ? file : `${kind}s/${file}`
  return {
    kind,
    name,
    lines: [
      { registry: STORAGE, text: `'./${place}.ts'` },
      ...(existsSync(join(root, 'src', 'storage', `${place}.migration.ts`))
        ? [{ registry: MIGRATING, text: `'./${place}.migration.ts'` }]
        : []),
    ],
    places: [
      `src/storage/${place}.ts`,
      `src/storage/${place}.migration.ts`,
      `test/storage/${place}.ts`,
      `test/storage/${place}.migration.ts`,
      `test/storage/${file}-settings.test.ts`,
      `test/support/${file}`,
      `test/data/${file}-*`,
      `migrations/${file}`,
      `docs/${file}.md`,
      `ops/prometheus/${file}.rules.yml`,
    ],
    requires: shareable === false ? [...requires, OWN_FORMAT] : requires,
    ...(shared === false ? { provides: OWN_FORMAT } : {}),
  }
}

function ofFeature({ name, requires }: z.infer<typeof feature>): Part {
  return {
    kind: 'feature',
    name,
    lines: [{ registry: FEATURES, text: `'./${name}/index.ts'` }],
    places: [
      `src/features/${name}`,
      `views/${name}`,
      `migrations/${name}`,
      `test/features/${name}`,
      `docs/${name}.md`,
      `ops/prometheus/${name}.rules.yml`,
    ],
    requires,
  }
}

function ofLanguage({ value }: z.infer<typeof language>): Part {
  return {
    kind: 'language',
    name: value,
    lines: [{ registry: LANGUAGES, text: `value: '${value}'` }],
    places: [`src/web/locales/${value}.json`, `src/features/*/locales/${value}.json`],
    requires: [],
  }
}
