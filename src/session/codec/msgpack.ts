import { Packr } from 'msgpackr'
import { asData, type Serializer } from './serializer.ts'

const packr = new Packr({ useRecords: false, mapsAsObjects: true, int64AsType: 'number' })

/** MessagePack: about a fifth smaller and faster to read than JSON. Only what JSON can hold comes out. */
export const msgpackSerializer: Serializer = {
  name: 'msgpack',
  dumps: (data) => packr.pack(data),
  loads: (bytes) => asData(packr.unpack(bytes)),
}
