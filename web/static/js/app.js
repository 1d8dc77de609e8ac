// What every page has: htmx, the colours' switch, menus, keys, and live parts.
import 'htmx.org'
import { offerKeeping } from './lib/keep.js'
import { watchKeys } from './lib/keys.js'
import { followLive } from './lib/live.js'
import { watchMenus } from './lib/menus.js'
import { watchRequests } from './lib/requests.js'
import { offerThemes } from './lib/theme.js'

offerThemes(document)
offerKeeping(document)
watchMenus(document)
watchKeys(document)
watchRequests(document)
followLive(document)
