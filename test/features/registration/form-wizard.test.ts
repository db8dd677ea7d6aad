import test from 'ava'
import { z } from 'zod'
import { FormWizard, type WizardStep } from '../../../src/features/registration/form-wizard.ts'
import { emptyData } from '../../../src/session/core/data.ts'
import { Session } from '../../../src/session/session.ts'
import { SessionState } from '../../../src/session/session-state.ts'
import { EXPIRY, START } from '../../support/engine.ts'

const shape = { name: 'shape', schema: z.object({ sides: z.number().min(3) }) } satisfies WizardStep
const colour = { name: 'colour', schema: z.object({ hex: z.string() }) } satisfies WizardStep
const label = { name: 'label', schema: z.object({ text: z.string() }) } satisfies WizardStep
const wizard = new FormWizard({ name: 'sign-painter', steps: [shape, colour, label], lifetime: 60 })

/** A request's session, empty or with what an earlier one left. */
function visit(clock = { now: START }, earlier?: Session): Session {
  const data = Object.assign(emptyData(), Object.fromEntries(earlier?.entries() ?? []))
  const times = { createdAt: START, lastActivity: START, expires: START + 1e6 }
  const loaded = { id: 'i', key: 'k'.repeat(32), data, version: 1, ...times }
  const state = new SessionState(loaded, {
    expiry: EXPIRY,
    now: () => clock.now,
    observe() {},
    cookieHoldsData: false,
    canSendCookie: () => true,
    save: async () => {},
    end: async () => ({ outcome: 'ended' as const }),
  })
  return new Session(state)
}

test('the wizard knows which steps are complete, the next step, and when it is done', (t) => {
  const session = visit()
  const state = () => [wizard.currentStep(session), wizard.completedSteps(session), wizard.isCompleted(session)]
  t.deepEqual(state(), [1, [], false])
  wizard.set(session, shape, { sides: 4 })
  t.deepEqual(state(), [2, [1], false])
  wizard.set(session, colour, { hex: 'f00' })
  wizard.set(session, label, { text: 'Stop' })
  t.deepEqual(state(), [3, [1, 2, 3], true])
  wizard.set(session, shape, { sides: 8 })
  t.deepEqual(wizard.allData(session), { shape: { sides: 8 }, colour: { hex: 'f00' }, label: { text: 'Stop' } })
})

test('a complete later step does not skip an incomplete earlier one', (t) => {
  const session = visit()
  wizard.set(session, colour, { hex: 'f00' })
  wizard.set(session, label, { text: 'Stop' })
  t.is(wizard.currentStep(session), 1)
  t.false(wizard.isCompleted(session))
})

test('data that no longer match the schema count as incomplete', (t) => {
  const session = visit()
  wizard.set(session, shape, { sides: 2 })
  t.is(wizard.get(session, shape), undefined)
  t.is(wizard.currentStep(session), 1)
})

test('reading changes nothing; clear() removes everything', (t) => {
  const session = visit()
  t.deepEqual([wizard.get(session, shape), wizard.updatedAt(session), wizard.currentStep(session)], [undefined, 0, 1])
  t.deepEqual(session.keys(), [])
  wizard.set(session, shape, { sides: 4 })
  t.true(wizard.updatedAt(session) > 0)
  wizard.clear(session)
  t.deepEqual(session.keys(), [])
})

test('abandoned data expire after the lifetime of the slice, counted from the last change', (t) => {
  const clock = { now: START }
  const first = visit(clock)
  wizard.set(first, shape, { sides: 4 })
  clock.now += 59_000
  const second = visit(clock, first)
  wizard.set(second, colour, { hex: 'f00' })
  clock.now += 59_000
  t.is(wizard.currentStep(visit(clock, second)), 3)
  clock.now += 1_000
  const late = visit(clock, second)
  t.is(wizard.currentStep(late), 1)
  t.deepEqual(wizard.allData(late), {})
})
