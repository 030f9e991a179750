package ollama

import "syscall"

// connectionRefused is what dialling a closed port returns: WSAECONNREFUSED
// (https://learn.microsoft.com/windows/win32/winsock/windows-sockets-error-codes-2).
const connectionRefused = syscall.Errno(10061)
