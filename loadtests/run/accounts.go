package main

import (
	"fmt"

	"traitortrack/internal/authz"
	"traitortrack/internal/seed"
)

// The seed gives out accounts by tens: six to the first organization, three to the second, one to the third. people/person.js
// counts the same way.

// accounts is how many are seeded for so many users and streams: whole tens, with some to spare for the admins among the watchers.
func accounts(users, streams int) int { return (users + 2*streams + 29) / 10 * 10 }

// watchers names the accounts of the streams, behind those of the users. Admins are left out: they would have to enrol first.
func watchers(users, streams int) []string {
	var names []string
	for n := users; len(names) < streams; n++ {
		org, index := "seed-c", n/10
		switch rest := n % 10; {
		case rest < 6:
			org, index = "seed-a", n/10*6+rest
		case rest < 9:
			org, index = "seed-b", n/10*3+rest-6
		}
		if seed.RoleOf(index) != authz.Admin {
			names = append(names, fmt.Sprintf("%s-load-%05d", org, index+1))
		}
	}
	return names
}
