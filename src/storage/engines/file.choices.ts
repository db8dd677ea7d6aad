import type { Choice } from '../choice.ts'
import { NOT_COUNTED, RESTORED } from '../limits.ts'

const choices: readonly Choice[] = [
  {
    name: 'file',
    measured: [{ candidate: 'file', name: 'file' }],
    needs: [],
    machines: 'one machine',
    durable: true,
    bothGuarantees: true,
    lists: 'no',
    keptIn: 'Disk',
    complexity: 'Low',
    memory: 'Almost none',
    setup: 'A folder',
    upkeep: 'Disk space and inodes',
    statistics: 'Yes',
    clearing: 'Yes',
    warming: 'Not needed',
    down: 'There is no server. A full or read-only disk causes a 503, and the old record stays intact.',
    restarted: 'Nothing is lost: a record is on the disk before the answer.',
    emptied: 'Everyone is signed out, cleanly.',
    bestFor: 'One machine, few changes, and sessions that can be inspected, copied and restored with any tool.',
    avoidWhen: 'Sessions change often, there are millions of them, or users must see their sessions.',
    limits: [
      NOT_COUNTED,
      'Only processes of one machine and one container may share the folder. With others, changes can be lost and ended sessions can come back.',
      RESTORED,
    ],
    settings: 'SESSION_ENGINE=file\nSESSION_FILE_PATH=./data/sessions\nSESSION_FILE_LAYOUT=hashed',
  },
]

export default choices
