// The code that an authenticator app shows.
import crypto from 'k6/crypto';

const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';

function unbase32(text) {
  const bytes = [];
  let bits = 0, value = 0;
  for (const letter of text.replace(/[\s=]/g, '')) {
    value = (value << 5) | alphabet.indexOf(letter);
    bits += 5;
    if (bits >= 8) {
      bits -= 8;
      bytes.push((value >> bits) & 255);
      value &= (1 << bits) - 1;
    }
  }
  return new Uint8Array(bytes).buffer;
}

export function totp(secret) {
  const step = new DataView(new ArrayBuffer(8));
  step.setUint32(4, Math.floor(Date.now() / 30000));
  const mac = new Uint8Array(crypto.hmac('sha1', unbase32(secret), step.buffer, 'binary'));
  const at = mac[19] & 15;
  const number = ((mac[at] & 127) << 24) | (mac[at + 1] << 16) | (mac[at + 2] << 8) | mac[at + 3];
  return String(number % 1000000).padStart(6, '0');
}
