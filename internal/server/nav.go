package server

import "traitortrack/internal/authz"

// place is a page that the navigation leads to, for those who may do its action.
type place struct {
	Name              string // what the page's Frame.Here says
	Label, Href, Icon string
	Action            authz.Action
}

// places is the navigation in the order of a day's work. A new page adds its line here.
func places() []place {
	return []place{
		{"bills", "Bills", "/bills", "bill", authz.Bill},
		{"scan", "Scan", "/scan", "scan", authz.Scan},
		{"bags", "Bags", "/bags", "bags", authz.Scan},
		{"dashboard", "Dashboard", "/dashboard", "dashboard", authz.Scan},
		{"users", "Users", "/users", "users", authz.Users},
		{"audit", "Audit", "/audit", "audit", authz.Audit},
		{"pool", "Pool", "/pool_dashboard", "pool", authz.Operate},
		{"health", "Health", "/system_health", "system", authz.Operate},
		{"settings", "Settings", "/settings", "settings", authz.Users},
	}
}

// barSize is how many places a phone's bar has room for. With more of them, the last one opens a menu of the rest.
const barSize = 5

// navigation is the places that somebody may go to: those for everyday, and those that a phone shows in a menu.
type navigation struct{ Bar, Menu []place }

// Navigation gives the places of who looks at the page: none, as long as they owe something.
func (f Frame) Navigation() navigation {
	var open []place
	for _, p := range places() {
		if f.Actor != nil && f.Actor.Owes == "" && f.Actor.Can(p.Action) {
			open = append(open, p)
		}
	}
	if len(open) <= barSize {
		return navigation{Bar: open}
	}
	return navigation{Bar: open[:barSize-1], Menu: open[barSize-1:]}
}
