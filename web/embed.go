// Package web has what browsers get: the pages' templates, and the assets that the build leaves in dist.
package web

import "embed"

// Templates are the pages: templates/layout, templates/partials and templates/pages.
//
//go:embed templates
var Templates embed.FS

// Dist has the built assets and their manifest. It is empty but for .gitkeep until they are built.
//
//go:embed all:dist
var Dist embed.FS
