// Package config reads cf's settings.
package config

// Config holds the effective settings.
type Config struct{}
