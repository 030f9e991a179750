package embedded

import "syscall"

// parentDeath is what the server gets when its supervisor dies: SIGTERM, so
// that Ollama still ends its runners.
const parentDeath = syscall.SIGTERM
