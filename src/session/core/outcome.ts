/** What became of a change: `missing`: the record was ended or has expired; `conflict`: somebody saved first. */
export type Outcome = 'done' | 'conflict' | 'missing'
