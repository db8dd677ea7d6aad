const SLOTS = 16_384
const POLYNOMIAL = 0x1021

/** The slot of a key in a cluster: CRC-16 (XMODEM) of the key. Keys of a cache have no hash tags. */
export function slotOf(key: string): number {
  let crc = 0
  for (const byte of Buffer.from(key)) {
    crc ^= byte << 8
    for (let bit = 0; bit < 8; bit++) crc = crc & 0x8000 ? (crc << 1) ^ POLYNOMIAL : crc << 1
    crc &= 0xffff
  }
  return crc % SLOTS
}
