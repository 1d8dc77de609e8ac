package server

// pageStructs names every page, or "page#part" for a template in it that is rendered alone, with a value of the
// struct that fills it. New proves each template against its struct.
func pageStructs() map[string]any {
	return map[string]any{
		"pool":       poolPage{},
		"pool#board": poolBoard{},
		"backend":    backendPage{},
		"health":     healthPage{},

		"account":   accountPage{},
		"audit":     auditPage{},
		"bag":       bagPage{},
		"bags":      bagsPage{},
		"bill":      billPage{},
		"bill#live": billPage{},
		"billing":   billingPage{},
		"bills":     billsPage{},
		"codes":     codesPage{},
		"dashboard": dashboardPage{},
		"docs":      docsPage{},
		"error":     errorPage{},
		"factor":    factorPage{},
		"forgot":    forgotPage{},
		"login":     loginPage{},
		"password":  passwordPage{},
		"settings":  settingsPage{},
		"scan":      scanPage{},
		"search":    searchPage{},
		"second":    secondPage{},
		"user":      userPage{},
		"users":     usersPage{},

		"notifications": noticesPage{},
		"promotion":     promotionPage{},
		"promotions":    promotionsPage{},

		"dashboard#board": dashboardBoard{},
		"own-password":    ownPasswordPage{},
	}
}
