package main

import "context"

type doctor struct{}

// Run looks.
func (doctor) Run(ctx context.Context, w *world) error { return nil }
