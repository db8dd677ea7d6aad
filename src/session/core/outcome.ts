/** The result of a change: `missing`: the record was ended or has expired; `conflict`: another request saved first. */
export type Outcome = 'done' | 'conflict' | 'missing'
