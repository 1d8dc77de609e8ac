// Builds the assets: static/ in, dist/ out. Every name in dist changes with the file's content, manifest.json says which
// name is which, and each file that text compression shrinks lies there as .br and .gz as well. Needs no network.
import { createHash } from 'node:crypto'
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, extname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { brotliCompressSync, constants, gzipSync } from 'node:zlib'
import { build } from 'esbuild'

const here = dirname(fileURLToPath(import.meta.url))
const from = join(here, 'static')
const to = join(here, 'dist')
const copied = ['icons.svg', 'favicon.svg'] // served as they are, without the comments that explain them
const compressible = new Set(['.js', '.css', '.svg', '.webmanifest', '.json', '.txt'])

// The oldest browsers with cascade layers: handhelds live long.
const target = ['chrome99', 'firefox97', 'safari15.4']

const names = { } // "app.css" to "app-1a2b3c4d.css"
const written = new Set(['.gitkeep', 'manifest.json'])

mkdirSync(to, { recursive: true })
for (const [name, body] of await bundles()) add(name, body)
for (const name of copied) add(name, Buffer.from(withoutComments(readFileSync(join(from, name), 'utf8'))))
add('manifest.webmanifest', Buffer.from(withAddresses(readFileSync(join(from, 'manifest.webmanifest'), 'utf8'))))
put('manifest.json', JSON.stringify(names, Object.keys(names).sort(), 2) + '\n') // last: it never names what is not there
for (const name of readdirSync(to)) if (!written.has(name)) rmSync(join(to, name))

// bundles gives each script of static/js and the stylesheet, bundled and minified. Folders below js hold modules.
async function bundles() {
  const scripts = readdirSync(join(from, 'js')).filter((name) => name.endsWith('.js'))
  const options = { bundle: true, minify: true, write: false, outdir: to, target, logLevel: 'warning', legalComments: 'none' }
  const [js, css] = await Promise.all([
    build({ ...options, entryPoints: scripts.map((name) => join(from, 'js', name)), format: 'iife' }),
    build({ ...options, entryPoints: [join(from, 'css', 'app.css')] }),
  ])
  return [...js.outputFiles, ...css.outputFiles].map((file) => [file.path.slice(to.length + 1), file.contents])
}

// add puts a file into dist under the name that its content gives it.
function add(name, body) {
  const extension = extname(name)
  const hash = createHash('sha256').update(body).digest('hex').slice(0, 8)
  const hashed = `${name.slice(0, -extension.length)}-${hash}${extension}`
  names[name] = hashed
  put(hashed, body)
  if (!compressible.has(extension)) return
  put(hashed + '.br', brotliCompressSync(body, { params: { [constants.BROTLI_PARAM_SIZE_HINT]: body.length } }))
  put(hashed + '.gz', gzipSync(body, { level: 9 }))
}

// put writes a file whole: a server that starts meanwhile reads the old one or the new one.
function put(name, body) {
  written.add(name)
  const half = join(to, `.${name}.${process.pid}`)
  writeFileSync(half, body)
  renameSync(half, join(to, name))
}

function withoutComments(svg) {
  return svg.replace(/<!--.*?-->/gs, '').replace(/>\s+</g, '><').trim() + '\n'
}

// withAddresses replaces the plain names of icons by the addresses under which they are served.
function withAddresses(manifest) {
  const parsed = JSON.parse(manifest)
  for (const icon of parsed.icons) icon.src = '/static/' + names[icon.src]
  return JSON.stringify(parsed)
}
