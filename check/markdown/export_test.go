package markdown

import "time"

// SetPatience shortens the time that a file may take.
func SetPatience(d time.Duration) { patience = d }

// Slug is slug.
var Slug = slug
