import type { Services } from '../../services.ts'
import type { Display } from '../../web/display.ts'
import type { Translate } from '../../web/i18n.ts'
import { cookieTexts, headerTexts } from './answer.ts'
import { type Format, formats } from './formats.ts'
import { originText } from './origin.ts'
import type { Masked, RequestRecord } from './requests.ts'
import { changedTexts, eventTexts, savedTexts } from './saving.ts'
import { type ChangeRow, changeRows, type TreeNode, treeOf } from './tree.ts'
import { entriesOf } from './values.ts'

/** A label with one or more lines of text. */
export interface Row {
  readonly label: string
  readonly texts: readonly string[]
}

type Pair = readonly [label: string, texts: readonly string[]]

/** Describes what a request did to its session. */
export class Explainer {
  readonly #config: Services['config']
  readonly #facts: Services['facts']
  readonly #t: Translate
  readonly #format: Format

  constructor({ config, facts }: Pick<Services, 'config' | 'facts'>, display: Display, t: Translate) {
    this.#config = config
    this.#facts = facts
    this.#t = t
    this.#format = formats(display)
  }

  /** The title of a request in a list. */
  title({ at, method, path, status }: RequestRecord): { time: string; text: string } {
    return { time: this.#format.clock(at), text: `${method} ${path}${status === undefined ? '' : ` · ${status}`}` }
  }

  /** A short summary for the closed panel. */
  summary({ explanation: { opening, live, bytes, decision, writing } }: RequestRecord): string {
    if (opening === undefined) return this.#t('not used')
    if (opening.failed !== undefined) return this.#t('the storage is down')
    const state = live === undefined ? this.#t('none') : this.#format.bytes(bytes)
    const write = decision === undefined || decision.write === 'none' ? 'nothing to save' : 'will be saved'
    if (writing?.failed !== undefined) return `${state}, ${this.#t('not saved')}`
    return `${state}, ${this.#t(write)}`
  }

  /** The panel at the end of every page. */
  short(record: RequestRecord): Row[] {
    const [sending = ''] = cookieTexts(record, this.#facts, this.#t, this.#format)
    return this.#request(record, [[this.#t('Cookie'), [sending]]])
  }

  /** The same for an earlier request, with cookie attributes and headers. */
  earlier(record: RequestRecord): Row[] {
    const t = this.#t
    return this.#request(record, [
      [t('Cookie'), [...cookieTexts(record, this.#facts, t, this.#format), ...this.#marks(record)]],
      [t('Headers'), headerTexts(record, t)],
    ])
  }

  /** Everything about the current session. */
  long(record: RequestRecord): Row[] {
    const { engine, format } = this.#config.session
    return [
      { label: this.#t('Engine'), texts: [`${engine}, ${format}`] },
      ...this.earlier(record),
      ...rows(...this.#clocks(record)),
    ]
  }

  /** The data of the session. */
  tree({ explanation }: RequestRecord): TreeNode[] {
    return treeOf(entriesOf(explanation), this.#t, this.#format)
  }

  /** What the request changed, value by value. */
  changes({ changes }: RequestRecord): ChangeRow[] {
    return changeRows(changes, this.#t)
  }

  #request(record: RequestRecord, answer: readonly Pair[]): Row[] {
    const t = this.#t
    const { session } = this.#config
    return rows(
      [t('Loaded'), [originText(record, session, this.#facts, t)]],
      [t('Changed'), changedTexts(record.explanation, t)],
      [t(record.explanation.settled ? 'Saved' : 'To be saved'), savedTexts(record, t)],
      [t('Events'), eventTexts(record, t)],
      ...answer,
      [t('Size'), this.#size(record)],
      [t('Times'), this.#times(record)],
    )
  }

  #size({ explanation, received, sent, events }: RequestRecord): string[] {
    const { bytes, live } = explanation
    const { maxBytes } = this.#config.session
    const of = (size: number, limit: number) => ({
      size: this.#format.bytes(size),
      share: this.#format.share(size / limit),
      limit: this.#format.bytes(limit),
    })
    const held = sent ?? received
    if (live === undefined) return []
    if (live.inCookie && held !== undefined && !held.cleared) {
      return [this.#t('{size} in the cookie, {share} of at most {limit}.', of(held.bytes, this.#facts.cookieLimit))]
    }
    const written = events.findLast((event) => event.type === 'size')
    return [
      this.#t('{size} as JSON, {share} of at most {limit}.', of(bytes, maxBytes)),
      ...(written === undefined || live.inCookie
        ? []
        : [this.#t('Written as {size}.', { size: this.#format.bytes(written.bytes) })]),
    ]
  }

  #times({ explanation: { opening, writing }, events, milliseconds, status }: RequestRecord): string[] {
    const time = (value: number) => ({ time: this.#format.milliseconds(value) })
    const asked = events.flatMap((event) =>
      event.type === 'operation'
        ? [`${event.operation} ${this.#format.milliseconds(event.milliseconds)} (${event.outcome})`]
        : [],
    )
    return [
      ...(opening === undefined ? [] : [this.#t('Loaded in {time}.', time(opening.milliseconds))]),
      ...(writing === undefined ? [] : [this.#t('Saved in {time}.', time(writing.milliseconds))]),
      ...(asked.length === 0 ? [] : [this.#t('Store operations: {operations}.', { operations: asked.join(', ') })]),
      this.#t(status === undefined ? '{time} until here.' : 'Answered in {time}.', time(milliseconds)),
    ]
  }

  #marks({ received, sent }: RequestRecord): string[] {
    const mark = (cookie: Masked | undefined) =>
      cookie === undefined || cookie.cleared ? this.#t('none') : `#${cookie.hash.slice(0, 4)}`
    const receivedText = this.#t('Received: {mark}.', { mark: mark(received) })
    return sent === undefined ? [receivedText] : [receivedText, this.#t('Sent: {mark}.', { mark: mark(sent) })]
  }

  #clocks({ explanation: { live } }: RequestRecord): Pair[] {
    if (live === undefined) return []
    const t = this.#t
    const at = (moment: number) => `${this.#format.moment(moment)}, ${this.#format.distance(moment)}`
    const { createdAt, lastActivity, touchFrom, ageEnds, customExpiry, idleEnds, absoluteEnds, expires } = live
    const seen = lastActivity === 0 ? t('This table does not record it.') : at(lastActivity)
    const touch = this.#config.session.saveEveryRequest
      ? [t('SESSION_SAVE_EVERY_REQUEST: every request is recorded.')]
      : touchFrom === undefined
        ? []
        : [t('A read is recorded as activity only after {moment}.', { moment: this.#format.moment(touchFrom) })]
    return [
      [t('Started'), [at(createdAt)]],
      [t('Last activity'), [seen, ...touch]],
      [t('End of its age'), [at(ageEnds), ...(customExpiry ? [t('Set for this session alone.')] : [])]],
      [t('Idle limit'), [idleEnds === undefined ? t('Never: SESSION_IDLE_AGE is not set.') : at(idleEnds)]],
      [
        t('Absolute limit'),
        [
          absoluteEnds === undefined
            ? t('None: SESSION_ABSOLUTE_AGE limits signed-in sessions only, and 0 is no limit.')
            : at(absoluteEnds),
        ],
      ],
      [t('Expires'), [at(expires)]],
    ]
  }
}

function rows(...all: Pair[]): Row[] {
  return all.filter(([, texts]) => texts.length > 0).map(([label, texts]) => ({ label, texts }))
}
