// What htmx does not get across by itself: an answer that has no place in the page, and no answer at all.
import { toast } from './say.js'

// watchRequests shows a refusal as a toast where the page has no place for it, and leaves the page as it was.
export function watchRequests(root) {
  root.addEventListener('htmx:response:error', ({ detail: { ctx } }) => {
    if (ctx.hx?.redirect) return
    const page = new DOMParser().parseFromString(ctx.text, 'text/html')
    if (page.querySelector(ctx.select ?? '#content')) return
    ctx.swap = 'none'
    ctx.push = 'false'
    toast('refused', page.querySelector('.refusal__why')?.textContent ?? 'That did not work. Try again.')
  })
  root.addEventListener('htmx:error', ({ detail }) => {
    if (!detail.ctx?.response) toast('refused', 'The network did not carry that. The page is as it was; try again.')
  })
}
