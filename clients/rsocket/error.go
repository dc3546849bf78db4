package rsocket

import "fmt"

// Error is an ERROR frame: what a handler returns to have one sent, and what a client gets.
type Error struct {
	Code ErrorCode
	Text string
}

func (e *Error) Error() string { return fmt.Sprintf("rsocket error 0x%x: %s", uint32(e.Code), e.Text) }
