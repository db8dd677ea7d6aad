import { isDeepStrictEqual } from 'node:util'
import { z } from 'zod'
import type { Json } from '../../session/index.ts'
import { defineSlice, type Session, type Slice } from '../../session/index.ts'

/** One step: its name, and the schema of its form. */
export interface WizardStep<T extends Json = Json> {
  readonly name: string
  readonly schema: z.ZodType<T>
}

const stateSchema = z.object({ data: z.record(z.string(), z.json()), updatedAt: z.number() })
type State = z.infer<typeof stateSchema>

/** Options for {@link FormWizard}. */
export interface WizardOptions {
  /** The session key of its data. */
  readonly name: string
  readonly steps: readonly WizardStep[]
  /** Seconds after the last change until the data are deleted. */
  readonly lifetime: number
}

/**
 * A form in several steps, stored in the session until it is finished. Steps are numbered from 1; a step is available if all
 * steps before it are complete.
 */
export class FormWizard {
  readonly #steps: readonly WizardStep[]
  readonly #slice: Slice<State>

  constructor({ name, steps, lifetime }: WizardOptions) {
    this.#steps = steps
    this.#slice = defineSlice<State>({
      name,
      schema: stateSchema,
      default: () => ({ data: {}, updatedAt: 0 }),
      lifetime,
      budget: 8192,
      login: 'drop',
      logout: 'drop',
    })
  }

  get totalSteps(): number {
    return this.#steps.length
  }

  /** The data of all steps, by step name. */
  allData(session: Session): Readonly<Record<string, Json>> {
    return session.get(this.#slice).data
  }

  /** The data of a step, validated again; undefined if it is not complete. */
  get<T extends Json>(session: Session, step: WizardStep<T>): T | undefined {
    const parsed = step.schema.safeParse(session.get(this.#slice).data[step.name])
    return parsed.success ? parsed.data : undefined
  }

  /** Stores the data of a step. What its schema, or that of another step, does not know (any more) is removed. */
  set<T extends Json>(session: Session, step: WizardStep<T>, value: T): void {
    const updatedAt = Date.now()
    session.update(this.#slice, ({ data }) => ({ data: this.#valid({ ...data, [step.name]: value }), updatedAt }))
  }

  /** Removes what the schemas do not know, and adds their defaults, for data that another version of them stored. */
  tidy(session: Session): void {
    const { data } = session.get(this.#slice)
    if (isDeepStrictEqual(this.#valid(data), data)) return
    session.update(this.#slice, ({ data, updatedAt }) => ({ data: this.#valid(data), updatedAt }))
  }

  completedSteps(session: Session): number[] {
    const numbers = this.#steps.map((step, index) => (this.get(session, step) === undefined ? 0 : index + 1))
    return numbers.filter((number) => number > 0)
  }

  /** The first step that is not complete, or the last one. */
  currentStep(session: Session): number {
    const completed = this.completedSteps(session)
    const open = this.#steps.findIndex((_step, index) => !completed.includes(index + 1))
    return open < 0 ? this.totalSteps : open + 1
  }

  isCompleted(session: Session): boolean {
    return this.completedSteps(session).length === this.totalSteps
  }

  /** The last change, in milliseconds since 1970; 0 without any data. */
  updatedAt(session: Session): number {
    return session.get(this.#slice).updatedAt
  }

  clear(session: Session): void {
    session.delete(this.#slice)
  }

  #valid(data: Readonly<Record<string, Json>>): Record<string, Json> {
    const valid: Record<string, Json> = {}
    for (const { name, schema } of this.#steps) {
      const parsed = schema.safeParse(data[name])
      if (parsed.success) valid[name] = parsed.data
    }
    return valid
  }
}
