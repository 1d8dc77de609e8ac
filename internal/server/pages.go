package server

// pageStructs names every page, or "page#part" for a template in it that is rendered alone, with a value of the
// struct that fills it. New proves each template against its struct.
func pageStructs() map[string]any {
	return map[string]any{
		"bag":       bagPage{},
		"bags":      bagsPage{},
		"bill":      billPage{},
		"bill#live": billPage{},
		"billing":   billingPage{},
		"bills":     billsPage{},
		"dashboard": dashboardPage{},
		"docs":      docsPage{},
		"error":     errorPage{},
		"login":     loginPage{},
		"settings":  settingsPage{},
		"scan":      scanPage{},
		"search":    searchPage{},
		"second":    secondPage{},

		"dashboard#board": dashboardBoard{},
	}
}
