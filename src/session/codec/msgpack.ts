import { Packr } from 'msgpackr'
import { emptyData } from '../core/data.ts'
import { asData, type Serializer } from './serializer.ts'

// Objects are read as maps, because msgpackr would rename their "__proto__" to "__proto_". And no key of the data may
// act as a hook: with useToJSON, a session with a key "toJSON" could not be saved.
const packr = new Packr({ useRecords: false, mapsAsObjects: false, int64AsType: 'number', useToJSON: false })

/**
 * MessagePack: about a fifth smaller than JSON, and slower. Only what JSON can hold comes out; half a surrogate pair
 * comes out as U+FFFD, because MessagePack has no text but UTF-8.
 */
export const msgpackSerializer: Serializer = {
  name: 'msgpack',
  dumps: (data) => packr.pack(data),
  loads: (bytes) => asData(withoutMaps(packr.unpack(bytes))),
}

function withoutMaps(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutMaps)
  if (value instanceof Map) {
    const object: Record<string, unknown> = emptyData()
    for (const [key, item] of value) {
      if (typeof key !== 'string') throw new TypeError('A session has text as keys')
      object[key] = withoutMaps(item)
    }
    return object
  }
  // Dates, binary and sets: foreign text, and asData would make something of them.
  if (typeof value === 'object' && value !== null) throw new TypeError('A session holds only what JSON can hold')
  return value
}
