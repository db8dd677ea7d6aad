/** A question to ask of a project, and the engines that each answer leads to, the first choice first. */
export interface Criterion {
  readonly id: string
  readonly title: string
  readonly question: string
  readonly answers: readonly { readonly when: string; readonly take: readonly string[]; readonly because: string }[]
}

/** What decides, one question after the other. */
export const GUIDE: readonly Criterion[] = [
  {
    id: 'infrastructure',
    title: 'Infrastructure',
    question: 'What is there already?',
    answers: [
      {
        when: 'One machine, nothing else',
        take: ['db-sqlite', 'file'],
        because: 'Nothing to install, and it survives restarts.',
      },
      { when: 'A database server', take: ['db-server'], because: 'Any number of machines, one thing to look after.' },
      {
        when: 'A database server and a Redis',
        take: ['cached_db', 'cache-redis'],
        because: 'Reads are spared the database.',
      },
      {
        when: 'A Memcached',
        take: ['cached_db', 'cache-memcached'],
        because: 'With a database behind it, an eviction costs nothing.',
      },
    ],
  },
  {
    id: 'durability',
    title: 'Durability',
    question: 'What may be lost when a server dies?',
    answers: [
      {
        when: 'Nothing',
        take: ['db-server', 'cached_db', 'db-sqlite'],
        because: 'A save is in the database before its answer.',
      },
      {
        when: 'A moment, if two things fail at once',
        take: ['cached_db'],
        because: 'SESSION_CACHE_STRATEGY=write_behind answers before the database.',
      },
      {
        when: 'All of it: people sign in again',
        take: ['cache-redis', 'cache-memcached'],
        because: 'No save waits for a disk.',
      },
    ],
  },
  {
    id: 'traffic',
    title: 'Traffic',
    question: 'How often does a session change?',
    answers: [
      {
        when: 'Seldom, and it is read often',
        take: ['cached_db', 'signed_cookies'],
        because: 'A read asks no database; that of a signed-in cookie asks for one short statement.',
      },
      {
        when: 'In nearly every request, on many machines',
        take: ['cache-redis'],
        because: 'One round trip for each change.',
      },
      {
        when: 'As in most applications',
        take: ['db-server', 'db-sqlite'],
        because: 'One statement for a read, one more for a change.',
      },
    ],
  },
  {
    id: 'security',
    title: 'Security',
    question: 'What must never happen?',
    answers: [
      {
        when: 'That an ended session is used again',
        take: ['db-server', 'db-sqlite', 'cached_db'],
        because: 'It is gone from the server at once, also of anonymous visitors.',
      },
      {
        when: 'That a user cannot see and end a device',
        take: ['db-server', 'cached_db', 'cache-redis'],
        because: 'They know whose sessions they keep.',
      },
      {
        when: 'That a stolen database tells anything',
        take: ['db-server', 'signed_cookies'],
        because: 'In the format sealed every engine encrypts; a cookie leaves no data on the server.',
      },
    ],
  },
]
