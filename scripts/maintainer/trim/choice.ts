import { OWN_FORMAT, type Part } from './parts.ts'

/** What somebody wants to keep. Undefined keeps all of that kind. */
export interface Wanted {
  readonly engines?: readonly string[] | undefined
  readonly caches?: readonly string[] | undefined
  readonly formats?: readonly string[] | undefined
  readonly features?: readonly string[] | undefined
  readonly languages?: readonly string[] | undefined
  readonly migrating?: boolean | undefined
}

/** What is often wanted. */
export const PRESETS: Readonly<Record<string, Wanted>> = {
  engine: { engines: ['db'], formats: ['sealed'], features: [], languages: ['en'] },
  starter: { engines: ['db'], formats: ['sealed'], features: ['account', 'preferences'] },
  cookies: { engines: ['signed_cookies'], formats: ['sealed'], features: [], languages: ['en'] },
}

/** A wish that cannot be; its message is one sentence. */
export class ChoiceError extends Error {
  override readonly name = 'ChoiceError'
}

/**
 * Which parts go.
 *
 * @throws ChoiceError for a name that the project does not have, or where no engine or format would be left
 */
export function partsToRemove(parts: readonly Part[], wanted: Wanted): Part[] {
  const named = (kind: Part['kind'], names: readonly string[] | undefined) => {
    const all = parts.filter((part) => part.kind === kind)
    for (const name of names ?? []) {
      const isKnown = all.some((part) => part.name === name) || (kind === 'language' && name === 'en')
      if (!isKnown) throw new ChoiceError(`There is no ${kind} "${name}": choose from ${listOf(all)}.`)
    }
    return all.filter(({ name }) => names === undefined || names.includes(name))
  }
  const formats = named('format', wanted.formats)
  const engines = named('engine', wanted.engines).filter(
    (engine) => wanted.engines !== undefined || worksWith(formats, engine),
  )
  const caches = named('cache', wanted.caches ?? (engines.some(needsCache) ? undefined : []))
  const keepsMigrating = wanted.migrating ?? (engines.length > 1 || formats.length > 1)
  const migrating = keepsMigrating ? parts.filter(({ kind }) => kind === 'migration') : []
  const features = withRequired(parts, named('feature', wanted.features))
  const kept = new Set([
    ...engines,
    ...formats,
    ...caches,
    ...migrating,
    ...features,
    ...named('language', wanted.languages),
  ])
  checkStorage([...kept])
  return parts.filter((part) => !kept.has(part))
}

/**
 * One part; of features, also those that require it; of formats, the engines that work with no other, and caches that no
 * engine needs then.
 *
 * @throws ChoiceError for a name that the project does not have, or where no engine, format or required cache would be left
 */
export function partToRemove(parts: readonly Part[], name: string): Part[] {
  const found = parts.find((part) => part.name === name)
  if (found === undefined) throw new ChoiceError(`There is no part "${name}": choose from ${listOf(parts)}.`)
  const gone = new Set([found])
  // It grows while it is walked.
  for (const { name } of gone) {
    for (const part of parts) if (part.kind === 'feature' && part.requires.includes(name)) gone.add(part)
  }
  const left = () => parts.filter((part) => !gone.has(part))
  if (found.kind === 'format') {
    const formats = ofKind(left(), 'format')
    for (const part of ofKind(left(), 'engine')) if (!worksWith(formats, part)) gone.add(part)
    if (!left().some(needsCache)) for (const part of ofKind(left(), 'cache')) gone.add(part)
  }
  checkStorage(left())
  return [...gone]
}

/** @throws ChoiceError where sessions could not be kept with these parts alone */
function checkStorage(kept: readonly Part[]): void {
  if (ofKind(kept, 'engine').length === 0)
    throw new ChoiceError('Keep at least one engine: sessions have to be somewhere.')
  if (ofKind(kept, 'format').length === 0)
    throw new ChoiceError('Keep at least one format: sessions have to be written somehow.')
  const impossible = ofKind(kept, 'engine').filter((engine) => !worksWith(kept, engine))
  if (impossible.length > 0)
    throw new ChoiceError(
      `The format ${listOf(ofKind(kept, 'format'))} does not work with the engines ${listOf(impossible)}: keep another one as well.`,
    )
  if (ofKind(kept, 'engine').some(needsCache) && ofKind(kept, 'cache').length === 0)
    throw new ChoiceError('Keep at least one cache: an engine that stays needs it.')
}

const ofKind = (parts: readonly Part[], kind: Part['kind']) => parts.filter((part) => part.kind === kind)

const needsCache = ({ requires }: Part) => requires.includes('cache')

const worksWith = (kept: readonly Part[], { requires }: Part) =>
  !requires.includes(OWN_FORMAT) || kept.some(({ provides }) => provides === OWN_FORMAT)

const listOf = (parts: readonly Part[]) => parts.map(({ name }) => name).join(', ')

function withRequired(parts: readonly Part[], features: readonly Part[]): Part[] {
  const kept = new Set(features)
  for (const { requires } of kept) {
    for (const part of parts) if (part.kind === 'feature' && requires.includes(part.name)) kept.add(part)
  }
  return [...kept]
}
